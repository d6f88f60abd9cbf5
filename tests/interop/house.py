"""What the checks need of the house: its interface, a person with a lamp and a client, and patience."""

import json
import os
import sys
import time
import urllib.request

HTTP = os.environ["HEARTH_HTTP"]
MQTT_HOST, MQTT_PORT = os.environ["HEARTH_MQTT"].rsplit(":", 1)
MQTT_PORT = int(MQTT_PORT)
SOON_S = 15


def rest(method, path, body=None, token=None):
    """One request; the answer's JSON, or nothing."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{HTTP}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=SOON_S) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def until(look, what):
    """Looks again and again until there is something to see."""
    end = time.monotonic() + SOON_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not in time: {what}")


class Person:
    """Somebody with an account, and what belongs to it."""

    def __init__(self, name):
        who = {"username": name, "password": "warm and dry feet"}
        rest("POST", "/auth/register", who)
        self.name = name
        self.token = rest("POST", "/auth/login", who)["access_token"]

    def ask(self, method, path, body=None):
        return rest(method, path, body, self.token)

    def device(self, kind, description):
        """Its id and its secret."""
        made = self.ask("POST", "/devices", {"kind": kind, "description": description})
        return str(made["device"]["id"]), made["mqtt"]["password"]

    def client(self, label):
        """The user name and the password of a client of the topic space."""
        made = self.ask("POST", "/clients", {"label": label})
        return made["username"], made["password"]

    def reported(self, device):
        return self.ask("GET", f"/devices/{device}")["reported"]

    def want(self, device, desired):
        return self.ask("PATCH", f"/devices/{device}", {"desired": desired})


def main():
    """For the shell: `house.py person NAME` prints its variables, others print an answer."""
    command, *rest_of = sys.argv[1:]
    if command == "person":
        person = Person(rest_of[0])
        lamp, lamp_secret = person.device("light", "lamp")
        thermometer, thermometer_secret = person.device("thermometer", "thermometer")
        client, client_secret = person.client("client")
        print(f"TOKEN={person.token}")
        print(f"LAMP={lamp} LAMP_SECRET={lamp_secret}")
        print(f"THERMOMETER={thermometer} THERMOMETER_SECRET={thermometer_secret}")
        print(f"CLIENT={client} CLIENT_SECRET={client_secret}")
    else:
        method, path, *body = rest_of
        body = json.loads(body[0]) if body else None
        print(json.dumps(rest(method, path, body, os.environ.get("TOKEN"))))


if __name__ == "__main__":
    main()
