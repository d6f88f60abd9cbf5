"""The Thing Models of the kinds against the W3C's schema of Thing Description 1.1. Run by run.sh, which
has put the documentation's own kind, an aquarium, beside the built-in ones."""

import json
import sys
import urllib.request
from pathlib import Path

from jsonschema import Draft7Validator

from checks import check, run
from house import HTTP, SOON_S, Person

SCHEMA = Path(__file__).parent / "thing_model" / "tm-json-schema-validation.json"
VALIDATOR = Draft7Validator(json.loads(SCHEMA.read_text()))
PERSON = Person("thing-model")


def models():
    headers = {"accept": "application/tm+json", "authorization": f"Bearer {PERSON.token}"}
    request = urllib.request.Request(f"http://{HTTP}/kinds", headers=headers)
    with urllib.request.urlopen(request, timeout=SOON_S) as answer:
        assert answer.headers["content-type"] == "application/tm+json"
        return json.load(answer)


@check
def every_kind_is_a_valid_thing_model():
    titles = set()
    for model in models():
        faults = [f"{'/'.join(map(str, e.path))}: {e.message}" for e in VALIDATOR.iter_errors(model)]
        assert not faults, f"{model['title']}: {faults}"
        titles.add(model["title"])
    assert {"Light", "Sous-vide cooker", "Aquarium"} <= titles, titles


@check
def the_schema_refuses_what_is_no_thing_model():
    model = models()[0]
    for member in ["@context", "@type"]:
        broken = {name: value for name, value in model.items() if name != member}
        assert not VALIDATOR.is_valid(broken), member
    assert not VALIDATOR.is_valid({**model, "properties": {"on": {"type": "toggle"}}})


sys.exit(0 if run("jsonschema") else 1)
