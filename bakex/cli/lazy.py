"""A command group that imports a command's module only when that command runs."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, ClassVar, TypeVar

import typer
from typer._click.exceptions import ClickException  # no public name, see run
from typer.core import TyperCommand, TyperGroup

from bakex._version import __version__
from bakex.cli.backend import Invocation
from bakex.cli.options import Debug
from bakex.cli.streams import put
from bakex.errors import UsageError

NAME = "bakex"
_F = TypeVar("_F", bound=Callable[..., Any])


def _show_version(wanted: bool) -> None:
    if wanted:
        put(f"{NAME} {__version__}\n")
        raise typer.Exit


def _show_help(ctx: Any, _option: Any, wanted: bool) -> None:
    # The parser's own way to print lets errors of standard output through as they are.
    if wanted and not ctx.resilient_parsing:
        put(f"{ctx.get_help()}\n")
        raise typer.Exit


class HelpfulCommand(TyperCommand):
    """A command whose ``--help`` goes the way of all output."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option, made once."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


class HelpfulGroup(TyperGroup):
    """A group of commands, likewise."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option, made once."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


class App(typer.Typer):
    """A Typer whose commands are `HelpfulCommand` ones."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[_F], _F]:
        """Return the decorator that adds a command; see Typer."""
        return super().command(name, cls=HelpfulCommand, **options)


_Version = Annotated[
    bool,
    typer.Option(
        "--version", "-V", is_eager=True, callback=_show_version, help="Show the version."
    ),
]


class LazyGroup(HelpfulGroup):
    """Commands named in `lazy` (name -> one-line help) live in modules of `package`.

    Help and "did you mean" see stubs; dispatch swaps in the real command.
    """

    lazy: ClassVar[Mapping[str, str]] = {}
    package: ClassVar[str] = "bakex.cli.commands"

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, summary in self.lazy.items():
            self.commands[name] = HelpfulCommand(name=name, help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return name, command and the arguments left, importing the command's module."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self.lazy:
            module = import_module(f"{self.package}.{name.replace('-', '_')}")
            command = typer.main.get_command(module.app)
            command.name = name
        return name, command, rest


def plain(cls: type[TyperGroup] = HelpfulGroup, **options: Any) -> App:
    """Return a Typer that neither loads rich for its help nor hooks tracebacks."""
    return App(
        cls=cls,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


def run(commands: Mapping[str, str], arguments: Sequence[str], invocation: Invocation) -> int:
    """Parse a command line, run what it names and return the exit code.

    Typer's own `main` is bypassed: it prints errors in its own style and hides broken pipes. The
    base class of its errors has no public name in the oldest release that bakex takes (0.26).

    Raises:
        UsageError: The command line cannot be parsed.
    """

    class Root(LazyGroup):
        lazy = commands

    app = plain(cls=Root, help="Build images for many platforms from bake files.")

    @app.callback()
    def root(debug: Debug = False, version: _Version = False) -> None:  # noqa: ARG001 - eager
        invocation.debug = debug

    command = typer.main.get_command(app)
    try:
        with command.make_context(NAME, list(arguments), obj=invocation) as context:
            code: object = command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except ClickException as error:
        raise usage_error(error) from error
    return code if isinstance(code, int) else 0


def usage_error(error: ClickException) -> UsageError:
    """Return a parser's complaint in the words of bakex: lower case, one next step."""
    summary, guess = error.format_message().rstrip(".?"), ""
    for words in (". Did you mean ", " (Possible options: "):
        if words in summary:
            summary, _, guess = summary.partition(words)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else NAME
    hint = f"did you mean {guess.rstrip(')')}?" if guess else f"see {path} --help"
    return UsageError(summary[:1].lower() + summary[1:], hint=hint)
