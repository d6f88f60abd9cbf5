"""paho-mqtt against the house, in both versions of MQTT. Run by run.sh."""

import json
import queue
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from checks import check, run
from house import HTTP, MQTT_HOST, MQTT_PORT, SOON_S, Person, until

PERSON = Person("paho")
LAMP = PERSON.device("light", "lamp")
CLIENT = PERSON.client("client")
VERSIONS = [mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5]


def properties(packet, **values):
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Client:
    """A connected client that keeps what arrives."""

    def __init__(self, credentials, version=mqtt.MQTTv5, client_id="", will=None, clean=True,
                 expiry_s=0, transport="tcp"):
        self.arrived, self.answers, self.ended = queue.Queue(), queue.Queue(), queue.Queue()
        options = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=version,
                                transport=transport, reconnect_on_failure=False, **options)
        self.mqtt.username_pw_set(*credentials)
        if will:
            self.mqtt.will_set(*will)
        self.mqtt.on_connect = lambda _c, _u, flags, reason, _p: self.answers.put((flags, reason))
        self.mqtt.on_subscribe = lambda _c, _u, _m, reasons, _p: self.answers.put(reasons)
        self.mqtt.on_message = lambda _c, _u, message: self.arrived.put(message)
        self.mqtt.on_disconnect = lambda _c, _u, _f, reason, _p: self.ended.put(reason)
        port = MQTT_PORT if transport == "tcp" else int(HTTP.rsplit(":", 1)[1])
        more = {}
        if version == mqtt.MQTTv5:
            more = {"clean_start": clean,
                    "properties": properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry_s)}
        self.mqtt.connect(MQTT_HOST, port, 60, **more)
        self.mqtt.loop_start()
        self.flags, self.reason = self.answers.get(timeout=SOON_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def subscribe(self, topic, qos=1, **more):
        self.mqtt.subscribe(topic, **({"qos": qos} if not more else more))
        reasons = self.answers.get(timeout=SOON_S)
        assert all(reason.value < 0x80 for reason in reasons), reasons

    def publish(self, topic, payload, qos=1, **more):
        self.mqtt.publish(topic, payload, qos, **more).wait_for_publish(SOON_S)

    def next(self):
        return self.arrived.get(timeout=SOON_S)

    def cut(self):
        """Breaks, without a word."""
        self.mqtt.loop_stop()
        self.mqtt._sock_close()


@check
def a_device_reports_and_is_told_what_is_wanted():
    for brightness, version in enumerate(VERSIONS, start=30):
        with Client(LAMP, version) as lamp:
            lamp.publish(f"devices/{LAMP[0]}/state", json.dumps({"brightness": brightness}))
            assert PERSON.reported(LAMP[0])["brightness"] == brightness
            lamp.subscribe(f"devices/{LAMP[0]}/set")
            PERSON.want(LAMP[0], {"brightness": brightness + 10})
            until(lambda: json.loads(lamp.next().payload).get("brightness") == brightness + 10,
                  "the wish")


@check
def a_device_reports_in_a_web_socket():
    with Client(LAMP, transport="websockets") as lamp:
        lamp.publish(f"devices/{LAMP[0]}/state", json.dumps({"brightness": 71}))
        assert PERSON.reported(LAMP[0])["brightness"] == 71


@check
def wrong_credentials_are_refused():
    for version in VERSIONS:
        with Client((LAMP[0], "wrong"), version) as nobody:
            assert nobody.reason == "Not authorized", nobody.reason


@check
def messages_pass_at_every_quality_of_service():
    for version in VERSIONS:
        with Client(CLIENT, version) as client:
            client.subscribe("qos/+/x", 2)
            for qos in (0, 1, 2):
                client.publish(f"qos/{qos}/x", f"at {qos}", qos)
                message = client.next()
                assert (message.payload, message.qos) == (f"at {qos}".encode(), qos)


@check
def a_large_message_passes():
    payload = bytes(range(256)) * 800
    with Client(CLIENT) as client:
        client.subscribe("large", 2)
        client.publish("large", payload, 2)
        assert client.next().payload == payload


@check
def a_retained_message_waits_and_goes_when_emptied():
    for version in VERSIONS:
        with Client(CLIENT, version) as writer:
            writer.publish("kept/it", "here", retain=True)
            with Client(CLIENT, version) as reader:
                reader.subscribe("kept/#")
                message = reader.next()
                assert (message.payload, message.retain) == (b"here", True)
            writer.publish("kept/it", b"", retain=True)
            with Client(CLIENT, version) as reader:
                reader.subscribe("kept/#")
                writer.publish("kept/end", "end")
                assert reader.next().topic == "kept/end"


@check
def a_will_is_published_when_its_client_is_cut_off_and_not_when_it_says_goodbye():
    for version in VERSIONS:
        with Client(CLIENT, version) as watcher:
            watcher.subscribe("wills/#")
            with Client(CLIENT, version, "polite", will=("wills/polite", "gone", 1)):
                pass
            Client(CLIENT, version, "dying", will=("wills/dying", "gone", 1)).cut()
            assert watcher.next().topic == "wills/dying"


@check
def a_session_keeps_what_its_client_missed():
    for version in VERSIONS:
        sleeper = {"version": version, "client_id": f"sleeper{version}", "clean": False,
                   "expiry_s": 600}
        with Client(CLIENT, **sleeper) as client:
            assert not client.flags.session_present
            client.subscribe("sleep/#")
        with Client(CLIENT) as writer:
            for number in range(20):
                writer.publish("sleep/x", str(number))
        with Client(CLIENT, **sleeper) as client:
            assert client.flags.session_present or version == mqtt.MQTTv31
            assert [client.next().payload for _ in range(20)] == [b"%d" % n for n in range(20)]


@check
def a_client_of_the_same_name_takes_the_connection_over():
    for version in VERSIONS:
        with Client(CLIENT, version, "twin") as first, Client(CLIENT, version, "twin") as second:
            # Why it ended paho does not see: it reads no reason from a DISCONNECT that has only that.
            first.ended.get(timeout=SOON_S)
            second.subscribe("twins")
            second.publish("twins", "still here")
            assert second.next().payload == b"still here"


@check
def who_shares_a_subscription_shares_the_messages():
    with Client(CLIENT) as one, Client(CLIENT) as other, Client(CLIENT) as writer:
        for client in (one, other):
            client.subscribe("$share/all/work/#")
        for number in range(40):
            writer.publish("work/x", str(number))
        until(lambda: one.arrived.qsize() + other.arrived.qsize() == 40, "all of the work")
        assert one.arrived.qsize() and other.arrived.qsize()
        came = [client.next().payload for client in (one, other)
                for _ in range(client.arrived.qsize())]
        assert sorted(map(int, came)) == list(range(40))


@check
def a_request_gets_its_response_with_all_properties():
    with Client(CLIENT) as asker, Client(CLIENT) as answerer:
        answerer.subscribe("ask")
        asker.subscribe("answers/asker")
        asked = properties(PacketTypes.PUBLISH, ResponseTopic="answers/asker",
                           CorrelationData=b"\x00\x01", ContentType="text/plain",
                           UserProperty=[("a", "1"), ("a", "2")], PayloadFormatIndicator=1)
        asker.publish("ask", "what time?", properties=asked)
        request = answerer.next().properties
        assert request.ContentType == "text/plain" and request.PayloadFormatIndicator == 1
        assert request.UserProperty == [("a", "1"), ("a", "2")]
        answer = properties(PacketTypes.PUBLISH, CorrelationData=request.CorrelationData)
        answerer.publish(request.ResponseTopic, "late", properties=answer)
        response = asker.next()
        assert response.payload == b"late"
        assert response.properties.CorrelationData == b"\x00\x01"


@check
def options_and_identifiers_of_subscriptions_are_kept():
    with Client(CLIENT) as client, Client(CLIENT) as other:
        own = SubscribeOptions(qos=1, noLocal=True)
        numbered = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=7)
        client.mqtt.subscribe([("local/#", own)], properties=numbered)
        client.answers.get(timeout=SOON_S)
        client.publish("local/x", "own")
        other.publish("local/x", "other")
        message = client.next()
        assert message.payload == b"other"
        assert message.properties.SubscriptionIdentifier == [7]


@check
def a_message_that_expires_is_not_kept():
    sleeper = {"client_id": "late", "clean": False, "expiry_s": 600}
    with Client(CLIENT, **sleeper) as client:
        client.subscribe("news/#")
    with Client(CLIENT) as writer:
        short = properties(PacketTypes.PUBLISH, MessageExpiryInterval=1)
        writer.publish("news/old", "old", properties=short)
        long = properties(PacketTypes.PUBLISH, MessageExpiryInterval=600)
        writer.publish("news/new", "new", properties=long)
    time.sleep(2)
    with Client(CLIENT, **sleeper) as client:
        message = client.next()
        assert message.topic == "news/new"
        assert 0 < message.properties.MessageExpiryInterval < 600


sys.exit(0 if run("paho") else 1)
