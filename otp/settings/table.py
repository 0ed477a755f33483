"""The reference page of the settings, made from what they say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otp.settings.environment import PREFIX
from otp.settings.fields import Setting
from otp.settings.reading import default_text, variables_of
from otp.settings.routes import RouteSettings

if TYPE_CHECKING:
    from otp.settings import Settings

_INTRODUCTION: Final = """\
# Settings

<!-- Made from otp/settings by `flask settings --markdown`; change it there. -->

Every setting is an environment variable, or a file that holds its value: `OTP_METRICS_TOKEN_FILE`
names the file for `OTP_METRICS_TOKEN`. All problems are told at once, before anything starts. A
name beginning with `OTP_` that is nearly one of these stops the start; others are warned about.

Limits read `count/window[,…]` with `minute`, `hour` or `day`. They slide, so there is no double
burst where one window ends and the next begins, and none can be switched off.
"""

_OF_A_ROUTE: Final = """
## Of each route

`OTP_ROUTE=mobtexting` makes one route, whose variables begin with `OTP_MOBTEXTING_`;
`OTP_ROUTE=main:mobtexting,backup:mobtexting` makes two, with `OTP_MAIN_` and `OTP_BACKUP_`.
"""


def markdown(kind: type[Settings]) -> str:
    """The whole page. *kind* is the class whose settings come first."""
    own = variables_of(kind, PREFIX)
    of_a_route = variables_of(RouteSettings, f"{PREFIX}<NAME>_")
    return f"{_INTRODUCTION}\n{_table(own)}{_OF_A_ROUTE}\n{_table(of_a_route)}"


def _table(variables: dict[str, Setting]) -> str:
    rows = (
        f"| `{name}` | {_default(setting)} | {setting.meaning} |\n"
        for name, setting in variables.items()
    )
    return "| name | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)


def _default(setting: Setting) -> str:
    text = default_text(setting)
    spoken = text == "required" or setting.shown is not None or not text
    if setting.demo:
        shown, comma, rest = text.partition(" in demo, else ")
        return f"`{shown}`{comma}{rest if rest == 'required' or setting.shown else f'`{rest}`'}"
    return text if spoken else f"`{text}`"
