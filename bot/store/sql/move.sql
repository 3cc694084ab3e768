-- What a database remembers of a move.

-- name: mark
select value from meta where name = 'move'
