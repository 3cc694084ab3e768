"""Where WhatsApp does not carry marketing.

Cloud API, per-user marketing limits: marketing templates to numbers with a United States area code are paused since
1 April 2025. Numbers of Canada, the Caribbean and the Pacific share the +1 and are not meant.
"""

_CANADA = (
    "204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 387 403 416 418 428 431 437 438 450 460 468 474 506 514 519 "
    "548 568 579 581 584 587 600 604 613 622 633 639 644 647 655 672 677 683 688 705 709 742 753 778 780 782 807 819 825 867 873 "
    "879 902 905 942"
)
_CARIBBEAN = "242 246 264 268 284 340 345 441 473 649 658 664 721 758 767 784 787 809 829 849 868 869 876 939"
_PACIFIC = "670 671 684"

AREA_CODES_BESIDE_US = frozenset(f"{_CANADA} {_CARIBBEAN} {_PACIFIC}".split())
"""The area codes of +1 (North American Numbering Plan) that are not of the United States, with those kept for Canada's growth."""


def takes_marketing(phone: str | None) -> bool:
    """Whether marketing templates are carried to this number (E.164). A number that is not known is not held back."""
    return phone is None or not phone.startswith("+1") or phone[2:5] in AREA_CODES_BESIDE_US
