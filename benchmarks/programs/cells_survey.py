"""Count cells the way a user does: a survey.yml, cx.open_survey, .cells."""

import json
import sys

import cxstats as cx

counted = cx.open_survey(sys.argv[1]).cells(by=["nps", "country", "segment", "wave"])
print(json.dumps({"cells": len(counted), "n": int(counted["n"].sum()), "largest": int(counted["n"].max())}))
