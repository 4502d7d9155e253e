"""Who may call which route of matching, by the name of the route; the scope comes from the grant."""

from collections.abc import Mapping

from libs.common.callers import Role

COORDINATING = frozenset({Role.COORDINATOR})
COUNSELLING = frozenset({Role.COORDINATOR, Role.COUNSELLOR})
# Whoever decides about weights, or looks after data protection, finds runs and reads what they did, without names.
OVERSEEING = frozenset({Role.COORDINATOR, Role.NETWORK_ADMIN, Role.AUDITOR})
NEUTRAL = frozenset({Role.NEUTRAL_CONTACT})
BY_LINK = frozenset({Role.LINK})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    **dict.fromkeys((
        "register_mentor", "list_mentors", "read_mentor", "read_mentor_contact", "change_mentor",
        "change_mentor_contact", "screen_mentor", "note_record", "withdraw_record", "note_mentor_consent",
        "approve_mentor", "pause_mentor", "hold_mentor_back", "resume_mentor", "leave_mentor", "move_mentor",
        "note_mentor_training", "withdraw_mentor_training",
        "register_interest", "list_mentor_groups", "read_mentor_group", "change_mentor_group", "set_housing",
        "withdraw_housing", "note_document", "withdraw_document", "form_mentor_group", "prepare_mentor_group",
        "apply_mentor_group", "list_for_placement",
        "pause_mentor_group", "hold_mentor_group_back", "resume_mentor_group", "reject_mentor_group",
        "withdraw_mentor_group", "move_mentor_group",
        "add_member", "list_members", "change_member", "note_member_record", "withdraw_member_record",
        "note_training_shown", "withdraw_training_shown", "leave_group",
        "list_prerequisites", "waive_prerequisite", "demand_prerequisite",
        "start_run", "cancel_run", "read_run_inputs", "approve_some", "release_rest",
        "list_unserved_runs", "list_options", "propose_option",
        "list_proposals", "read_proposal", "approve_proposal", "dismiss_proposal", "invite_both", "note_answer",
        "note_first_meeting",
        "start_tandem", "list_tandems", "read_tandem", "change_tandem", "note_agreement", "note_consent_of_side",
        "pause_tandem", "resume_tandem", "end_tandem_early", "list_meetings", "note_meeting",
        "correct_meeting", "withdraw_meeting",
        "list_checkins", "read_checkin", "record_checkin", "handle_checkin",
        "replace_household_contact",
        "read_checkin_calendar", "offer_own_data_to_mentor", "offer_own_data_to_member",
        "hold_closing", "list_closings", "read_closing", "add_to_closing",
        "write_learning", "approve_learning", "discard_learning",
    ), COORDINATING),
    **dict.fromkeys((
        "offer_own_data_to_household",
        "register_household", "list_households", "read_household", "read_household_contact", "change_household",
        "change_household_contact", "join_household", "leave_household",
        "list_household_changes", "interview_household", "note_consent", "await_mentor", "close_household",
        "pause_household", "resume_household", "move_household",
        "open_counselling_case", "list_counselling_cases", "find_counselling_cases", "read_counselling_case",
        "read_counselled_person", "read_own_data_of_counselled",
        "record_consent", "list_consents", "withdraw_consent",
        "read_standing", "change_counselling_case", "change_counselled_person", "close_counselling_case",
        "correct_case_closing", "withdraw_case_closing",
        "reopen_counselling_case", "record_counselling_contact", "list_counselling_contacts",
        "correct_counselling_contact", "move_counselling_contact", "strike_counselling_contact",
        "read_counselling_contact", "enter_status", "list_statuses", "read_counselling_figures",
        "export_counselling_figures", "read_workload", "read_demand",
        "propose_referral", "list_referrals", "read_referral", "read_handover", "note_referral_consent",
        "send_referral", "note_referral_answer", "finish_referral", "note_referral_not_taken_up",
        "revoke_referral",
    ), COUNSELLING),
    **dict.fromkeys((
        "note_concern", "find_tandems", "list_concerns", "read_concern", "take_up_concern", "resolve_concern",
    ), NEUTRAL),
    **dict.fromkeys((
        "show_invitation", "accept_invitation", "decline_invitation", "show_consent", "give_consent", "refuse_consent",
        "show_meetings", "document_meeting", "take_meeting_back", "show_checkin", "answer_checkin", "show_concern",
        "raise_concern", "show_own_data", "download_own_data", "change_own_availability", "change_own_contact",
        "pause_by_link", "resume_by_link", "ask_to_leave", "leave_by_link", "ask_to_withdraw_consent",
        "withdraw_consent_by_link", "read_own_checkin_calendar",
    ), BY_LINK),
    **dict.fromkeys((
        "list_runs", "read_run", "list_unserved", "list_pairs", "read_changed_since", "compare_runs", "list_changes",
        "read_fairness", "read_account", "export_decisions", "export_option_decisions",
        "list_decisions", "list_weights",
    ), OVERSEEING),
    # Whoever adopts weights tries them before. It is no `start_run`: who is coordinator of a region besides would start
    # runs everywhere by it, since scopes are united.
    **dict.fromkeys(("simulate_run", "cancel_simulation"), frozenset({Role.COORDINATOR, Role.NETWORK_ADMIN})),
    "set_weights": frozenset({Role.NETWORK_ADMIN}),
}
