"""What can go wrong around a stage's own work."""

from overfeat.errors import OverFeatError


class PipelineError(OverFeatError):
    """The stage's surroundings are not as they must be: settings edited in mid-run, an input missing, ..."""


class WorkerKilledError(Exception):
    """A worker process was killed from outside while it worked a unit; the unit may be worked again."""


class ClusterError(WorkerKilledError):
    """The cluster cannot be reached, has no workers, or was lost; units that are done are kept."""
