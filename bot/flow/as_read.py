"""A message as somebody reads it who has no phone at hand: staff at the desk, an owner in the terminal, a story."""

from collections.abc import Iterator

from bot.flow.run import Button, Card, Content, Media, TemplateMessage, Text


def extras(content: Content) -> tuple[str, ...]:
    """What a message shows beside its words, a line or a word each, in brackets: [a button], (a picture)."""
    return tuple(_of_a_template(content) if isinstance(content, TemplateMessage) else _of_a_text(content))


def _of_a_text(content: Text) -> Iterator[str]:
    if content.media is not None:
        yield _file(content.media)
    if content.header:
        yield f"(header: {content.header})"
    if content.footer:
        yield f"(footer: {content.footer})"
    if content.place is not None:
        told = ", ".join(filter(None, (content.place.name, content.place.address)))
        yield f"(location: {told or f'{content.place.latitude}, {content.place.longitude}'})"
    if content.card is not None:
        yield f"(contact: {content.card.name}, {content.card.phone})"
    if content.reaction is not None:
        yield f"(reaction: {content.reaction or 'taken back'})"
    if content.menu and len(content.buttons) > 0:
        yield f"(menu: {content.menu})"
    yield from _buttons(content.buttons)
    if content.link is not None:
        yield f"(link: {content.link.title} → {content.link.url})"
    yield from _goods(content.products, whole=content.catalog)


def _of_a_template(content: TemplateMessage) -> Iterator[str]:
    if content.header_media is not None:
        yield _file(content.header_media)
    if content.header_place is not None:
        yield f"(location: {content.header_place.name or content.header_place.address})"
    if content.offer_ends is not None:
        yield "(an offer until its code ends)"
    yield from _buttons(content.buttons)
    if content.code:
        yield f"(copies {content.code})"
    if content.link_suffix:
        yield f"(link: {content.link_suffix})"
    yield from _goods(content.products, whole=content.catalog)
    for number, card in enumerate(content.cards, 1):
        yield f"(card {number}: {' '.join(_of_a_card(card))})"


def _of_a_card(card: Card) -> Iterator[str]:
    if card.media is not None:
        yield _file(card.media)
    if card.body:
        yield card.body
    yield from _buttons(card.buttons)
    if card.link_suffix:
        yield f"(link: {card.link_suffix})"


def _buttons(buttons: tuple[Button, ...]) -> Iterator[str]:
    return (f"[{button.title}{f': {button.description}' if button.description else ''}]" for button in buttons)


def _file(media: Media) -> str:
    return f"({media.kind}: {media.filename or media.link or 'a file'})"


def _goods(products: tuple[str, ...], *, whole: bool) -> Iterator[str]:
    if whole:
        yield "(the catalog)"
    elif products:
        yield f"(products: {', '.join(products)})"
