"""Both flows with their schedules by one command, for a machine where nobody runs a Prefect server.

Runs are processes of their own, started here, and never two at once: one whose time comes meanwhile waits.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types.entrypoint import EntrypointType

from flows.detect_batch import detect_batch
from flows.local_server import PORT, server_at
from flows.reproduce import project_root, reproduce
from overfeat.errors import OverFeatError, SettingsError
from pipelines.engine.locks import WORK, flocked

NEVER = "never"
WEEKLY = "0 4 * * 6"
NIGHTLY = "0 2 * * *"
INBOX = "data/inbox"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C and return the exit code: 2 where a person must mend something."""
    asked = _parser().parse_args(arguments)
    root = project_root()
    os.chdir(root)  # runs are started here
    url = PREFECT_API_URL.value() if asked.port is None else None
    url = url or f"http://127.0.0.1:{asked.port or PORT}/api"
    try:
        deployments = make_deployments(root, asked)
        with _only_here(root), server_at(url, Path(WORK) / "prefect-server.log") as started:
            _say(f"the server is at {url.removesuffix('/api')}{' and ends with this command' if started else ''}")
            _say(f"reproduce at {asked.reproduce!r}, detect_batch at {asked.detect_batch!r} ({asked.timezone})")
            _say(f"to run one now: PREFECT_API_URL={url} prefect deployment run reproduce/{deployment_name(root)}")
            with temporary_settings({PREFECT_API_URL: url}):
                asyncio.run(_serve(deployments))
    except OverFeatError as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("ended")
    return 0


async def _serve(deployments: Sequence[RunnerDeployment]) -> None:
    """Make the deployments and start their runs at their times; afterwards they are paused, and no run piles up."""
    runner = _Runner(limit=1, pause_on_shutdown=True)
    for deployment in deployments:
        await runner.aadd_deployment(deployment)
    await runner.start()


class _Runner(Runner):
    """Ends by SIGTERM as by Ctrl-C, and cancels the run in hand first.

    Prefect's own (3.8.8) kills it unheard, so that it stays "Running" for ever, and leaves schedules active on SIGTERM.
    """

    def handle_sigterm(self, *_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    async def __aexit__(self, *error: Any) -> None:
        await self.cancel_all()
        await super().__aexit__(*error)


def make_deployments(root: Path, asked: argparse.Namespace) -> list[RunnerDeployment]:
    """Return both flows with their schedules; the name is the checkout's own, as others may be at the same server.

    Raises:
        SettingsError: if a cron or the time zone is none.
    """
    timetable: tuple[tuple[Flow[..., Any], str, dict[str, Any]], ...] = (
        (reproduce, asked.reproduce, {}),
        (detect_batch, asked.detect_batch, {"pictures": asked.pictures}),
    )
    return [
        RunnerDeployment.from_flow(
            flow,
            name=deployment_name(root),
            schedules=_schedules(cron, asked.timezone),
            parameters=parameters,
            tags=["overfeat"],
            entrypoint_type=EntrypointType.MODULE_PATH,  # its units are imported by workers under the same name
        )
        for flow, cron, parameters in timetable
    ]


def deployment_name(root: Path) -> str:
    """Return the folder's name with six characters that tell it from others of that name."""
    mark = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', root.resolve().name)}-{mark}"


def _schedules(cron: str, timezone: str) -> list[CronSchedule]:
    if cron == NEVER:
        return []
    try:
        return [CronSchedule(cron=cron, timezone=timezone)]
    except ValueError as error:
        raise SettingsError(
            f"{cron!r} in the time zone {timezone!r} is no schedule: a cron has five fields, as {NIGHTLY!r} for every "
            "night at two, and a time zone a name as UTC or Europe/Berlin"
        ) from error


@contextlib.contextmanager
def _only_here(root: Path) -> Iterator[None]:
    """Let one process serve a checkout."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(flocked(root / WORK / "serve-flows.lock", wait=False))
        except BlockingIOError as error:
            raise SettingsError(f"the flows of {root} are served already: end that command first") from error
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"overfeat: serve-flows: {text}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="overfeat serve-flows",
        description="Run both flows at their times, one run at a time, until Ctrl-C.",
        epilog=f"CRON is minute, hour, day of the month, month, day of the week, as {NIGHTLY!r}; or {NEVER!r}.",
    )
    parser.add_argument(
        "--reproduce", metavar="CRON", default=WEEKLY, help="when to bring all up to date (%(default)s)"
    )
    parser.add_argument(
        "--detect-batch", metavar="CRON", default=NIGHTLY, help="when to look at new pictures (%(default)s)"
    )
    parser.add_argument("--pictures", nargs="+", default=[INBOX], help=f"where they come in ({INBOX})")
    parser.add_argument("--timezone", default="UTC", help="time zone of both (%(default)s)")
    parser.add_argument("--port", type=int, help=f"of the server here (default: PREFECT_API_URL, else {PORT})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
