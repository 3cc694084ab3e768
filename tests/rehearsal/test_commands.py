"""`comeback simulate` as an owner types it."""

import json
import shutil
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.rehearsal.news import What

ROOT = Path(__file__).parents[2]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> "Typed":
    monkeypatch.chdir(ROOT)
    return Typed(monkeypatch, tmp_path, capsys)


class Typed:
    """Runs the command in this process, with lines typed into it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.folder = folder
        self.capsys = capsys

    def __call__(self, *words: str, lines: str = "", code: int = 0) -> tuple[str, str]:
        path = self.folder / "lines.txt"
        path.write_text(lines, "utf-8")
        with path.open(encoding="utf-8") as file:
            self.monkeypatch.setattr("sys.stdin", file)
            assert main(["simulate", *words]) == code
        captured = self.capsys.readouterr()
        return captured.out, captured.err


MONDAY = ("--at", "2026-11-23 10:00")


def test_a_cart_reminder_is_played_in_spanish(typed: Typed) -> None:
    out, err = typed("cart_reminder", "--language", "es", *MONDAY, lines="es muy caro\n1\n/order\n")
    assert err == ""
    told = [" ".join(line.split()) for line in out.splitlines()]
    assert "Mon 23 Nov 10:00 shop a cart of 80.00 EUR is filled, and left" in told
    assert "Mon 23 Nov 11:00 you [Usar mi descuento]" in told
    assert "Mon 23 Nov 11:00 cart_reminder ended: used small discount" in told
    assert "discount=CASA" in out


def test_time_jumps_over_what_comes_to_nothing(typed: Typed) -> None:
    out, _ = typed("cart_reminder", *MONDAY, lines="\n\n/order\n")
    assert "Tue 24 Nov 11:00" in out
    assert "Thu 26 Nov 11:00" in out


def test_who_one_is_can_be_said(typed: Typed) -> None:
    out, _ = typed("cart_reminder", *MONDAY, "--orders", "3", "--tags", "vip, new", "--name", "", "--cart", "120 EUR", lines="/who\n/why\n")
    assert "no name, language en, tags: new, vip" in out
    assert "orders: 3" in out
    assert "120.00 EUR" in out
    assert "waits for an answer at steps.0" in out


def test_who_never_agreed_hears_nothing(typed: Typed) -> None:
    out, _ = typed("cart_reminder", *MONDAY, "--consent", "never asked", lines="\n")
    assert "did not start: no consent to marketing messages" in out
    assert " bot " not in out


def test_staff_can_be_played_too(typed: Typed) -> None:
    out, _ = typed("cart_reminder", *MONDAY, lines="2\n/take\n/say On Thursday.\n/return\nhello\n")
    assert "you wait for staff: play them with /take" in out
    assert "Sam  On Thursday." in out
    assert out.index("hands the conversation back") < out.index("How can we help you?")


def test_the_shop_may_run_out_of_codes(typed: Typed) -> None:
    out, _ = typed("cart_reminder", *MONDAY, lines="/codes off\nit is too expensive\n")
    assert "no discount could be made" in out


def test_a_stop_is_kept(typed: Typed) -> None:
    out, _ = typed("cart_reminder", *MONDAY, lines="STOP\n/cart 200\n\n\n/agree\n/stop\n")
    assert "we will not send you offers any more" in out
    assert out.count("Your cart is waiting") <= 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/ordr", "did you mean '/order'?"),
        ("/wait long", "write a length of time like '1 hour' or '2 days'"),
        ("/until late", "write a time like '09:00' or '21:30'"),
        ("/cart much", "write what the cart is worth"),
        ("/order lost", "an order is placed, paid, delivered, cancelled, not 'lost'"),
        ("/codes", "write /codes on or /codes off"),
        ("/tag", "write a tag, as in /tag vip"),
        ("/say", "write something to send"),
        ("9", "there is no button 9: there are 1 to 3"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(typed: Typed, line: str, words: str) -> None:
    _, err = typed("cart_reminder", *MONDAY, lines=f"{line}\n")
    assert words in err
    assert "Traceback" not in err


def test_who_looked_at_something_is_asked_about_it(typed: Typed) -> None:
    out, err = typed("browse_reminder", *MONDAY, lines="1\n/look\n")
    assert err == ""
    assert "Hi Ana, you had a look at House blend." in out
    assert "https://shop.example/p/1" in out
    assert "you look at House blend" in out


@pytest.mark.parametrize("flow", ["reorder_nudge", "welcome"])
def test_every_shipped_flow_can_be_set_off(typed: Typed, flow: str) -> None:
    out, err = typed(flow, *MONDAY, lines="hello\n/help\n")
    assert err == ""
    assert "/until 18:30" in out


def test_a_flow_that_is_not_there_is_a_sentence(typed: Typed) -> None:
    assert "did you mean 'cart_reminder'?" in typed("cart_remindr", code=1)[1]
    known = "back_in_stock, browse_reminder, cart_reminder, cross_sell, loyalty, price_drop, reorder_nudge, review_request, welcome"
    assert f"name a flow to play: {known}, win_back" in typed(code=1)[1]
    assert "one flow at a time" in typed("welcome", "cart_reminder", code=1)[1]


def test_a_crowd_reports_to_machines(typed: Typed) -> None:
    log = typed.folder / "log.jsonl"
    words = ("--customers", "40", "--days", "10", "--seed", "3", "--json", "--log", str(log), "--prices", "0.05 EUR")
    report = json.loads(typed(*words)[0])
    assert report == json.loads(typed(*words)[0]), "the same seed tells the same"
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    begun = [line for line in lines if line["what"] == What.SENT and line.get("marketing") and not line.get("reply")]
    assert report["marketing_messages"] == len(begun) > 0
    assert sum(report["hours"]["begun"]) == sum(report["by_day"]["begun"]) == len(begun)
    cart = report["flows"]["cart_reminder"]
    assert cart["started"] == sum(line["what"] == What.STARTED and line["flow"] == "cart_reminder" for line in lines)
    sent = [line for line in lines if line["what"] == What.SENT and line.get("flow") == "cart_reminder"]
    assert sum(step["sent"] for step in cart["steps"]) == len(sent)
    marketing = sum(one["messages"] for one in report["cost"]["messages"] if one["category"] == "marketing")
    assert report["cost"]["total"] == f"{marketing * 5 / 100:.2f}"


def test_a_crowd_reports_to_people(typed: Typed) -> None:
    out, err = typed("cart_reminder", "--customers", "60", "--days", "20", "--seed", "5")
    assert err == ""
    for heading in ("Who got what", "Cart reminder: where people go", "What was held back, and why", "Would it annoy people?"):
        assert heading in out
    assert "Welcome: where people go" not in out, "only the flows that were named"
    assert "--prices" in out


def test_a_price_list_is_read_from_a_file(typed: Typed) -> None:
    prices = typed.folder / "prices.yaml"
    prices.write_text("marketing:\n  default: 0.10\n", "utf-8")
    assert "The messages cost" in typed("--customers", "30", "--days", "5", "--prices", str(prices))[0]
    prices.write_text("marketing:\n  default: cheap\n", "utf-8")
    assert "write a price as a number like 0.0509" in typed("--customers", "30", "--prices", str(prices), code=1)[1]
    assert "nowhere.yaml" in typed("--customers", "30", "--prices", "nowhere.yaml", code=1)[1]


def test_a_crowd_of_nobody_is_a_sentence(typed: Typed) -> None:
    assert "--customers lies between" in typed("--customers", "0", code=1)[1]
    assert "--days lies between" in typed("--days", "1000", code=1)[1]


def test_a_store_without_flows_is_a_sentence(typed: Typed) -> None:
    flows = typed.folder / "flows"
    flows.mkdir()
    shutil.copy(ROOT / "flows" / "store.yaml", flows)
    assert "there is no flow without mistakes to play" in typed("--customers", "5", "--flows", str(flows), code=1)[1]
