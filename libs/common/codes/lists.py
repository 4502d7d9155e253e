"""The code lists that more than one service speaks; their labels stand beside this file, in data/."""

from enum import StrEnum


class CodeList(StrEnum):
    """A list of codes of the field. A fact with a code that is not in it fails validation and is parked."""


class OrderedCodeList(CodeList):
    """A code list whose codes have an order: that in which they are declared, not that of the alphabet."""

    @property
    def rank(self) -> int:
        """The place of this code in its list, from 0."""
        return list(type(self)).index(self)

    # A plain string is taken as a code of the same list; one that is not of the list is a ValueError.
    def __lt__(self, other: str, /) -> bool:
        """Whether this code comes before the other."""
        return self.rank < type(self)(other).rank

    def __le__(self, other: str, /) -> bool:
        """Whether this code comes before the other or is the same."""
        return self.rank <= type(self)(other).rank

    def __gt__(self, other: str, /) -> bool:
        """Whether this code comes after the other."""
        return self.rank > type(self)(other).rank

    def __ge__(self, other: str, /) -> bool:
        """Whether this code comes after the other or is the same."""
        return self.rank >= type(self)(other).rank


class FieldOfAction(CodeList):
    """What an offer or a partner works on; the first five are the alliance's fields."""

    LANGUAGE = "language"
    WORK_TRAINING = "work_training"
    HOUSING_LIVING = "housing_living"
    CIVIC_ENGAGEMENT = "civic_engagement"
    PARTICIPATION = "participation"
    HEALTH = "health"
    LAW_RESIDENCE = "law_residence"
    FAMILY_EDUCATION = "family_education"


class EventKind(CodeList):
    """What kind of event people attend."""

    TRAINING = "training"
    BEST_PRACTICE_MEETING = "best_practice_meeting"
    CONGRESS = "congress"
    INFO_EVENING = "info_evening"
    LANGUAGE_CAFE = "language_cafe"
    WORKSHOP = "workshop"
    PROTECTED_WORKSHOP = "protected_workshop"
    CHILDREN_EVENT = "children_event"
    NETWORK_MEETING = "network_meeting"
    COMMITTEE_SESSION = "committee_session"
    MATCHING_EVENT = "matching_event"
    RECOGNITION_EVENT = "recognition_event"


class AudienceSector(CodeList):
    """Where those who attend come from: whom an event is meant for, and for whom a participant speaks."""

    CIVIL_SOCIETY = "civil_society"
    STATE = "state"
    MUNICIPALITY = "municipality"
    BUSINESS = "business"
    SCIENCE = "science"
    VOLUNTEER_INDIVIDUAL = "volunteer_individual"


class ResidenceStatus(CodeList):
    """The status a rule set or offer is for; by default nobody is asked, and none is a reason to refuse."""

    ARRIVAL_CERTIFICATE = "arrival_certificate"
    PERMISSION_PENDING = "permission_pending"
    ASYLUM = "asylum"
    REFUGEE = "refugee"
    SUBSIDIARY = "subsidiary"
    REMOVAL_BAN = "removal_ban"
    RESETTLEMENT = "resettlement"
    HUMANITARIAN_ADMISSION = "humanitarian_admission"
    TEMPORARY_PROTECTION = "temporary_protection"
    HARDSHIP_OR_HUMANITARIAN = "hardship_or_humanitarian"
    WELL_INTEGRATED = "well_integrated"
    OPPORTUNITY_RESIDENCE = "opportunity_residence"
    FAMILY = "family"
    WORK_TRAINING_STUDY = "work_training_study"
    TOLERATION = "toleration"
    TRAINING_OR_WORK_TOLERATION = "training_or_work_toleration"
    FICTION_CERTIFICATE = "fiction_certificate"
    SETTLEMENT = "settlement"
    CITIZEN = "citizen"
    EU = "eu"
    OTHER = "other"
    NOT_ASKED = "not_asked"


class PartnerKind(CodeList):
    """What kind of organisation a partner is."""

    REGISTERED_ASSOCIATION = "registered_association"
    INITIATIVE = "initiative"
    WELFARE_ASSOCIATION = "welfare_association"
    MUNICIPALITY = "municipality"
    DISTRICT = "district"
    STATE_BODY = "state_body"
    FEDERAL_BODY = "federal_body"
    CHURCH = "church"
    MIGRANT_ORGANISATION = "migrant_organisation"
    VOLUNTEER_AGENCY = "volunteer_agency"
    SHELTER_OPERATOR = "shelter_operator"
    UNIVERSITY = "university"
    ADULT_EDUCATION = "adult_education"
    UNION = "union"
    COMPANY = "company"
    FOUNDATION = "foundation"
    DEMOCRACY_PARTNERSHIP = "democracy_partnership"
    MOBILE_ADVISORY_TEAM = "mobile_advisory_team"


class TandemKind(CodeList):
    """What a tandem does together."""

    EVERYDAY = "everyday"
    LANGUAGE = "language"
    LEARNING = "learning"
    READING = "reading"
    JOB_APPLICATION = "job_application"
    TRAINING = "training"
    FAMILY = "family"
    LEISURE = "leisure"
    COMMUNITY_SPONSORSHIP = "community_sponsorship"


class Cefr(OrderedCodeList):
    """How well a language is known, by the Common European Framework and two steps before it."""

    NONE = "none"
    LITERACY = "literacy"
    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"
    C1 = "C1"
    C2 = "C2"


class Gender(CodeList):
    """A person's gender as they state it."""

    FEMALE = "f"
    MALE = "m"
    DIVERSE = "d"
    NOT_STATED = "not_stated"


class AgeBand(OrderedCodeList):
    """A person's age, as coarse as planning and figures need it."""

    UP_TO_5 = "0-5"
    FROM_6_TO_13 = "6-13"
    FROM_14_TO_17 = "14-17"
    FROM_18_TO_26 = "18-26"
    FROM_27_TO_44 = "27-44"
    FROM_45_TO_64 = "45-64"
    FROM_65 = "65+"


class RegionKind(CodeList):
    """What kind of region a regional key (AGS) stands for."""

    LAND = "land"
    DISTRICT = "district"
    CITY = "city"
    REGIONAL_ASSOCIATION = "regional_association"
    MUNICIPALITY = "municipality"


class CounsellingTopic(CodeList):
    """What a counselling contact is about."""

    RESIDENCE_ASYLUM = "residence_asylum"
    NATURALISATION = "naturalisation"
    JOBCENTRE_BENEFITS = "jobcentre_benefits"
    FOREIGNERS_OFFICE = "foreigners_office"
    CHILD_BENEFIT_FAMILY = "child_benefit_family"
    SCHOOL_DAYCARE = "school_daycare"
    HOUSING = "housing"
    WORK_APPLICATION = "work_application"
    TRAINING_RECOGNITION = "training_recognition"
    LANGUAGE_COURSE = "language_course"
    HEALTH = "health"
    DEBTS_CONTRACTS = "debts_contracts"
    FAMILY_REUNIFICATION = "family_reunification"
    DISCRIMINATION = "discrimination"
    OTHER = "other"


class CounsellingResult(CodeList):
    """What came of a counselling contact, or of a whole case."""

    INFORMED = "informed"
    FORM_COMPLETED = "form_completed"
    APPLICATION_FILED = "application_filed"
    APPOINTMENT_MADE = "appointment_made"
    REFERRED = "referred"
    GRANTED = "granted"
    REJECTED = "rejected"
    OBJECTION_FILED = "objection_filed"
    OPEN = "open"
    BROKEN_OFF = "broken_off"


class CounsellingMode(CodeList):
    """How somebody was counselled."""

    IN_PERSON = "in_person"
    PHONE = "phone"
    VIDEO = "video"
    CHAT = "chat"
    ACCOMPANIED_VISIT = "accompanied_visit"


class Employment(CodeList):
    """What somebody works or learns."""

    NONE = "none"
    SEEKING = "seeking"
    MINI_JOB = "mini_job"
    EMPLOYED = "employed"
    SELF_EMPLOYED = "self_employed"
    IN_TRAINING = "in_training"
    STUDYING = "studying"
    VOLUNTARY_SERVICE = "voluntary_service"
    NOT_AVAILABLE = "not_available"


class HousingSituation(CodeList):
    """How somebody lives."""

    RECEPTION_CENTRE = "reception_centre"
    SHARED_ACCOMMODATION = "shared_accommodation"
    DECENTRAL = "decentral"
    PRIVATE_STAY = "private_stay"
    OWN_FLAT = "own_flat"
    EMERGENCY_SHELTER = "emergency_shelter"
    HOMELESS = "homeless"


class CourseStatus(CodeList):
    """Which language course somebody attends, or where that stands."""

    NONE = "none"
    WAITING = "waiting"
    INITIAL_ORIENTATION = "initial_orientation"
    LITERACY_COURSE = "literacy_course"
    INTEGRATION_COURSE = "integration_course"
    VOCATIONAL_COURSE = "vocational_course"
    VOLUNTARY_COURSE = "voluntary_course"
    COMPLETED = "completed"
    BROKEN_OFF = "broken_off"


class WorldRegion(CodeList):
    """A region of the world by its number in UN M49: as exactly as figures say where people come from."""

    NORTHERN_AFRICA = "015"
    EASTERN_AFRICA = "014"
    MIDDLE_AFRICA = "017"
    SOUTHERN_AFRICA = "018"
    WESTERN_AFRICA = "011"
    CARIBBEAN = "029"
    CENTRAL_AMERICA = "013"
    SOUTH_AMERICA = "005"
    NORTHERN_AMERICA = "021"
    CENTRAL_ASIA = "143"
    EASTERN_ASIA = "030"
    SOUTH_EASTERN_ASIA = "035"
    SOUTHERN_ASIA = "034"
    WESTERN_ASIA = "145"
    EASTERN_EUROPE = "151"
    NORTHERN_EUROPE = "154"
    SOUTHERN_EUROPE = "039"
    WESTERN_EUROPE = "155"
    AUSTRALIA_NEW_ZEALAND = "053"
    MELANESIA = "054"
    MICRONESIA = "057"
    POLYNESIA = "061"
    ANTARCTICA = "010"
