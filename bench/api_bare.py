"""What the API is measured against: a Flask view that answers given bytes and does nothing else."""

import json
import os
from functools import cache
from pathlib import Path

from flask import Flask, Response, request

ANSWERS = "BARE_ANSWERS"
"""The environment variable that names a file: a JSON object of the answers by their names."""

app = Flask(__name__, static_folder=None)


@cache
def answers() -> dict[str, bytes]:
    told = json.loads(Path(os.environ[ANSWERS]).read_text())
    return {name: text.encode() for name, text in told.items()}


@app.route("/<string:name>", methods=["GET", "POST"])
def answer(name: str) -> Response:
    if request.method == "POST":
        request.get_json()
    return Response(answers()[name], mimetype="application/json")
