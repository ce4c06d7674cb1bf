"""A plan, before anything happens."""

from widgets.plan.files import PlanFiles
from widgets.plan.handover import AdoptView, LeaveView
from widgets.plan.view import PlanView

__all__ = ["AdoptView", "LeaveView", "PlanFiles", "PlanView"]
