"""What can go wrong around a stage's own work."""

import os

from overfeat.errors import OverFeatError


class PipelineError(OverFeatError):
    """The stage's surroundings are not as they must be: settings edited in mid-run, an input missing, ..."""


def not_shared(path: object) -> PipelineError:
    """Return the error of a machine of a cluster, this one, that does not see ``path`` of the project."""
    return PipelineError(
        f"machine {os.uname().nodename} does not see {path}: the project's folder must be on a file system that all "
        "machines of the cluster share, at the same path"
    )


class WorkerKilledError(Exception):
    """A worker process was killed from outside while it worked a unit; the unit may be worked again."""


class ClusterError(WorkerKilledError):
    """The cluster cannot be reached, has no workers, or was lost; units that are done are kept."""
