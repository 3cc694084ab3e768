"""How much WhatsApp takes of each part of a message. Characters, where nothing else is said.

Cloud API, reference of messages and templates: what is longer is refused (131009, 132005), so it is checked before it is sent.
"""

MAX_TEXT = 4096  # a text message; the words of a list, too
MAX_BODY_WITH_BUTTONS = 1024  # the words of any other interactive message
MAX_CAPTION = 1024  # below an image, a video or a document
MAX_SMALL_PRINT = 60  # a header that is text, and a footer
MAX_REPLY_BUTTONS = 3  # buttons; more make a list
MAX_REPLY_BUTTON = 20
MAX_PAYLOAD = 256  # what comes back when a reply button is pressed
MAX_LIST_ROWS = 10  # rows, over all sections
MAX_LIST_ROW = 24
MAX_DESCRIPTION = 72  # below a row's title
MAX_ROW_PAYLOAD = 200
MAX_MENU = 20  # the button that opens a list
MAX_LINK_TITLE = 20
MAX_URL = 2000
MAX_PRODUCTS = 30  # products of a list, in a message and in a template
MAX_SECTION_TITLE = 24
MAX_FILENAME = 240  # the reference names none; file systems of phones take 255 bytes
MAX_CARDS = 10  # of a carousel, and at least MIN_CARDS
MIN_CARDS = 2
MAX_CODE = 20  # a coupon code to copy (since December 2025; the page of limited-time offers still says MAX_OFFER_CODE)
MAX_OFFER_CODE = 15
MAX_TEMPLATE_HEADER = 60  # with its value
MAX_TEMPLATE_BODY = 1024  # with its values; longer is refused (132005)
