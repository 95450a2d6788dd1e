"""The one place that reads the tickets service's environment."""

import os

from services.chassis.config import Env
from services.chassis.run import ServiceSettings


def read() -> ServiceSettings:
    """ConfigError names the variable that is missing or malformed."""
    return ServiceSettings.read(Env(os.environ))
