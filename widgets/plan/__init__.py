"""A plan, before anything happens."""

from widgets.plan.changes import ChangeView
from widgets.plan.files import PlanFiles
from widgets.plan.handover import AdoptView, LeaveView
from widgets.plan.view import PlanView

__all__ = ["AdoptView", "ChangeView", "LeaveView", "PlanFiles", "PlanView"]
