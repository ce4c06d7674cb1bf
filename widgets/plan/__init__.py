"""A plan, before anything happens."""

from widgets.plan.files import PlanFiles
from widgets.plan.view import PlanView

__all__ = ["PlanFiles", "PlanView"]
