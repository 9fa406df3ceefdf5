"""Words by which columns are made out, in English, German, French, Spanish, Italian and Dutch.

They are looked for at the beginning of words, the first of a list counting most.
"""

from __future__ import annotations

__all__ = [
    "BEHAVIOUR",
    "CES",
    "COMMENT",
    "CSAT",
    "CUSTOMER",
    "EVENT",
    "INVITED",
    "NOT_GROUPS",
    "NPS",
    "RESPONDED",
    "VALUE",
    "WAVE",
    "YES",
]

NPS = (
    *("nps", "recommend", "ltr", "recomm", "promoter"),
    *("weiterempf", "empfehl", "recommand", "recomend", "consigli", "raccomand", "aanbevel"),
)
CES = (
    *("effort", "ces", "easy", "ease"),
    *("einfach", "leicht", "aufwand", "mühe", "facil", "fácil", "esfuerzo", "sforzo", "gemak", "moeite"),
)
CSAT = (
    *("csat", "satisf", "star rating", "stars", "rating", "happy", "score"),
    *("zufrieden", "bewertung", "soddisf", "tevreden", "note globale", "valoracion", "valoración"),
)
INVITED = (
    *("request sent", "sent at", "sent", "invited", "invit", "send"),
    *("versandt", "versendet", "eingeladen", "einladung", "envoi", "envoy", "enviad", "envío"),
    *("inviat", "verzonden", "uitgenodigd"),
)
RESPONDED = (
    *("response received", "submit date", "end date", "enddate", "recorded", "submitted", "answered"),
    *("completed", "responded", "received", "response date", "updated at", "timestamp", "created"),
    *("übermittelt", "abgeschickt", "eingegangen", "zeitstempel", "erstellt", "horodat"),
    *("antwort", "beantwortet", "ausgefüllt", "répon", "repon", "respuesta", "rispost", "antwoord"),
    *("date", "datum", "fecha", "data"),  # what else is a date comes last
)
CUSTOMER = (
    *(
        "customer id",
        "customer",
        "kundennummer",
        "kunde",
        "client",
        "cliente",
        "klant",
        "external reference",
        "externalreference",
    ),
    *("external data reference", "externaldatareference", "requester id", "interaction id"),
    *("contact id", "member", "account id", "user id", "userid", "custom data", "id", "email", "e-mail"),
)
EVENT = (
    *("churn", "cancel", "renew", "repurchas", "rebought", "bought", "left", "lapsed", "returned"),
    *("complain", "referred", "outcome", "retained"),
    *(
        "gekündigt",
        "kündigung",
        "abgewandert",
        "wiederkauf",
        "beschwerde",
        "résili",
        "réachat",
        "baja",
        "disdett",
    ),
)
VALUE = (
    "revenue",
    "lifetime value",
    "clv",
    "ltv",
    "spend",
    "umsatz",
    "chiffre d",
    "facturac",
    "fatturat",
    "omzet",
)
BEHAVIOUR = (
    *("tenure", "months", "days", "visits", "tickets", "orders", "logins", "count", "usage"),
    *(
        "monate",
        "tage",
        "besuche",
        "bestellungen",
        "anzahl",
        "mois",
        "jours",
        "visites",
        "meses",
        "mesi",
        "maanden",
    ),
)
WAVE = ("wave", "quarter", "welle", "quartal", "vague", "trimestre", "kwartaal")
YES = ("1", "true", "yes", "ja", "y", "oui", "si", "sí", "wahr", "churned", "cancelled", "left")
COMMENT = (
    *("comment", "anything else", "verbatim", "in your own words", "tell us", "open text", "suggestion"),
    *(
        "kommentar",
        "anmerkung",
        "begründung",
        "freitext",
        "commentaire",
        "remarque",
        "comentario",
        "opmerking",
    ),
)
NOT_GROUPS = frozenset(
    (
        *(
            "status",
            "progress",
            "finished",
            "duration (in seconds)",
            "response type",
            "tags",
            "url",
            "sentiment",
        ),
        *(
            "comment",
            "comments",
            "reason",
            "survey name",
            "survey type",
            "collector id",
            "request delivery status",
        ),
    )
)
