"""The only place where the parts of matching are put together."""

from fastapi import FastAPI

from libs.common.service import build
from services.matching.calendars import routes as calendars
from services.matching.checkins import reactions as checkin_reactions
from services.matching.checkins import routes as checkins
from services.matching.closings import reactions as closing_reactions
from services.matching.closings import routes as closings
from services.matching.concerns import routes as concerns
from services.matching.consents import reactions as consent_reactions
from services.matching.consents import routes as consents
from services.matching.counselling_cases import reactions as case_reactions
from services.matching.counselling_cases import routes as counselling_cases
from services.matching.counselling_contacts import routes as counselling_contacts
from services.matching.counselling_figures import routes as counselling_figures
from services.matching.counselling_statuses import routes as counselling_statuses
from services.matching.decisions import routes as decisions
from services.matching.households import routes as households
from services.matching.meetings import routes as meetings
from services.matching.members import reactions as member_reactions
from services.matching.members import routes as members
from services.matching.mentor_groups import reactions as group_reactions
from services.matching.mentor_groups import routes as mentor_groups
from services.matching.mentors import reactions as mentor_reactions
from services.matching.mentors import routes as mentors
from services.matching.moves import routes as moves
from services.matching.obstacles import reactions as obstacle_reactions
from services.matching.offers import reactions as offer_reactions
from services.matching.options import reactions as option_reactions
from services.matching.options import routes as options
from services.matching.pauses import reactions as pause_reactions
from services.matching.pauses import routes as pauses
from services.matching.permissions import PERMISSIONS
from services.matching.persons import reactions as person_reactions
from services.matching.prerequisites import reactions as prerequisite_reactions
from services.matching.prerequisites import routes as prerequisites
from services.matching.projects import reactions as project_reactions
from services.matching.proposals import reactions as proposal_reactions
from services.matching.proposals import routes as proposals
from services.matching.referrals import reactions as referral_reactions
from services.matching.referrals import routes as referrals
from services.matching.runs import cancelling, inputs, looking_back, oversight
from services.matching.runs import reactions as run_reactions
from services.matching.runs import routes as runs
from services.matching.runs.watching import forget_changes, watch_runs
from services.matching.self_service import routes as self_service
from services.matching.settings import Settings
from services.matching.tables import COPIES
from services.matching.tandems import reactions as tandem_reactions
from services.matching.tandems import routes as tandems
from services.matching.trainings import routes as trainings
from services.matching.weights import routes as weights


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of matching, ready to serve; nothing is connected before its lifespan begins."""
    settings = settings or Settings()
    return build(
        "matching", settings, title="Lotsennetz: Matching",
        description="Matching: mentors, mentor groups and households, and what brings them together.",
        routers=[mentors.router, mentor_groups.router, members.router, prerequisites.router, households.router,
                 trainings.router, pauses.router, moves.router, consents.router, weights.router, runs.router,
                 cancelling.router, inputs.router, looking_back.router, oversight.router, decisions.router,
                 options.router, proposals.router, tandems.router, meetings.router, calendars.router, checkins.router,
                 concerns.router, closings.router, counselling_cases.router, counselling_contacts.router,
                 counselling_statuses.router, counselling_figures.router, referrals.router, self_service.router],
        reactions=[mentor_reactions, member_reactions, prerequisite_reactions, group_reactions, project_reactions,
                   run_reactions, option_reactions, proposal_reactions, checkin_reactions, closing_reactions,
                   case_reactions, offer_reactions, referral_reactions, consent_reactions, person_reactions,
                   tandem_reactions, pause_reactions, obstacle_reactions],
        permissions=PERMISSIONS,
        works=[watch_runs, forget_changes],
        copies=COPIES,
    )
