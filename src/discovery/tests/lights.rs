//! Lights of both schemas.

use serde_json::json;

use super::*;

const KITCHEN: &str = r#"{"~":"homeassistant/light/kitchen","name":"Kitchen",
    "unique_id":"kitchen_light","cmd_t":"~/set","stat_t":"~/state","schema":"json",
    "brightness":true}"#;

const BULB: &str = r#"{"availability":[{"topic":"zigbee2mqtt/bridge/state",
    "value_template":"{{ value_json.state }}"}],"availability_mode":"all","brightness":true,
    "brightness_scale":254,"command_topic":"zigbee2mqtt/bulb/set",
    "device":{"identifiers":["zigbee2mqtt_0x0017880104e45517"],"name":"bulb"},"effect":true,
    "effect_list":["blink","okay"],"max_mireds":500,"min_mireds":153,"name":null,
    "schema":"json","state_topic":"zigbee2mqtt/bulb","supported_color_modes":["xy","color_temp"],
    "unique_id":"0x0017880104e45517_light_zigbee2mqtt"}"#;

const ESPHOME: &str = r#"{"schema":"json","brightness":true,"sup_clrm":["rgb"],"effect":true,
    "fx_list":["None","Rainbow"],"name":"Strip","stat_t":"node/light/strip/state",
    "cmd_t":"node/light/strip/command","avty_t":"node/status","uniq_id":"ESPlightstrip",
    "dev":{"ids":"20500de464ec","name":"node"}}"#;

fn light(payload: &str) -> Entity {
    entity("homeassistant/light/x/config", payload)
}

#[test]
fn an_effect_that_the_kind_has_no_room_for_is_not_told() {
    let config = r#"{"command_topic":"l/set","schema":"json","effect":true,"state_topic":"l"}"#;
    let light = entity("homeassistant/light/l/config", config);
    let said = |chars| json!({"state": "ON", "effect": "x".repeat(chars)}).to_string();
    assert_eq!(heard(&light, "l", &said(32))["effect"], "x".repeat(32));
    assert_eq!(heard(&light, "l", &said(33)), json!({"on": true}));
}

#[test]
fn a_light_of_json_is_read_commanded_and_heard() {
    let kitchen = entity("homeassistant/light/kitchen/config", KITCHEN);
    assert_eq!(
        (kitchen.kind(), &*kitchen.name, &*kitchen.key),
        ("light", "Kitchen", "light:kitchen_light")
    );
    let state = "homeassistant/light/kitchen/state";
    assert_eq!(kitchen.topics(), [state]);
    let said = heard(&kitchen, state, r#"{"state":"ON","brightness":255}"#);
    assert_eq!(said, json!({"on": true, "brightness": 100}));
    let told = order(&kitchen, &json!({"on": true, "brightness": 50}), &json!({"on": false}));
    assert_eq!(told, json!({"state": "ON", "brightness": 128}));
    let told = orders(&kitchen, &json!({"on": false}), &json!({"on": true}));
    assert_eq!(told, [r#"homeassistant/light/kitchen/set {"state":"OFF"}"#]);
}

#[test]
fn a_bulb_of_zigbee_is_read_commanded_and_heard() {
    let bulb = light(BULB);
    assert_eq!(
        (&*bulb.name, bulb.topics()),
        ("bulb", vec!["zigbee2mqtt/bridge/state", "zigbee2mqtt/bulb"])
    );
    let on = json!({"on": true});
    let red = order(&bulb, &json!({"hue": 0, "saturation": 100}), &on);
    assert_eq!(red, json!({"state": "ON", "color": {"x": 0.7006, "y": 0.2993}}));
    let white = order(&bulb, &json!({"color_temp_k": 2700, "brightness": 1}), &on);
    assert_eq!(white, json!({"state": "ON", "color_temp": 370, "brightness": 3}));
    let both = r#"{"state":"ON","brightness":215,"color_mode":"color_temp","color_temp":325,
        "color":{"x":0.4,"y":0.4}}"#;
    let said = json!({"on": true, "brightness": 85, "color_temp_k": 3077});
    assert_eq!(heard(&bulb, "zigbee2mqtt/bulb", both), said);
    let colour = r#"{"state":"ON","color_mode":"xy","color_temp":325,
        "color":{"h":7,"s":7,"x":0.7006,"y":0.2993}}"#;
    let said = heard(&bulb, "zigbee2mqtt/bulb", colour);
    assert!(said["saturation"].as_f64().unwrap() > 99.9 && said.get("color_temp_k").is_none());
}

#[test]
fn a_strip_of_esphome_is_read_commanded_and_heard() {
    let strip = light(ESPHOME);
    assert_eq!(&*strip.name, "node Strip");
    let wish = json!({"on": true, "hue": 120, "saturation": 50, "effect": "Rainbow"});
    let told = order(&strip, &wish, &json!({"on": false}));
    let meant =
        json!({"state": "ON", "color": {"r": 128, "g": 255, "b": 128}, "effect": "Rainbow"});
    assert_eq!(told, meant);
    let said = r#"{"color_mode":"rgb","state":"ON","brightness":191,
        "color":{"r":0,"g":0,"b":255},"effect":"None"}"#;
    let meant =
        json!({"on": true, "brightness": 75, "hue": 240.0, "saturation": 100.0, "effect": "None"});
    assert_eq!(heard(&strip, "node/light/strip/state", said), meant);
}

#[test]
fn a_light_that_is_off_is_not_turned_on_by_a_colour() {
    for payload in [BULB, r#"{"cmd_t":"a/set","bri_cmd_t":"a/bri","hs_cmd_t":"a/hs"}"#] {
        let light = light(payload);
        let wish = json!({"hue": 10, "brightness": 40});
        assert_eq!(orders(&light, &wish, &json!({"on": false})), [""; 0]);
        assert_ne!(orders(&light, &wish, &json!({"on": true})), [""; 0]);
        assert_ne!(orders(&light, &wish, &json!({})), [""; 0]);
        let assumed = light.assumed(&map(&wish), &map(&json!({"on": false})));
        assert_eq!(assumed, Map::new());
    }
}

#[test]
fn a_wish_for_what_a_light_has_not_gives_no_order() {
    let plain = light(r#"{"schema":"json","cmd_t":"a/set","stat_t":"a"}"#);
    let wish = json!({"hue": 1, "brightness": 2, "effect": "x", "color_temp_k": 3000});
    assert_eq!(orders(&plain, &wish, &json!({"on": true})), [""; 0]);
    let basic = light(r#"{"cmd_t":"a/set","stat_t":"a"}"#);
    assert_eq!(orders(&basic, &wish, &json!({"on": true})), [""; 0]);
}

#[test]
fn half_a_colour_keeps_the_other_half() {
    let strip = light(ESPHOME);
    let told = order(&strip, &json!({"hue": 240}), &json!({"on": true, "saturation": 0}));
    assert_eq!(told["color"], json!({"r": 255, "g": 255, "b": 255}));
}

#[test]
fn a_transition_is_sent_with_every_order_and_by_none_of_its_own() {
    let kitchen = light(KITCHEN);
    let wish = json!({"transition_s": 2.5});
    assert_eq!(orders(&kitchen, &wish, &json!({"on": true})), [""; 0]);
    assert_eq!(kitchen.assumed(&map(&wish), &map(&json!({"on": false}))), map(&wish));
    let told = order(&kitchen, &json!({"on": false}), &json!({"transition_s": 2.5}));
    assert_eq!(told, json!({"state": "OFF", "transition": 2.5}));
}

#[test]
fn white_may_be_counted_in_kelvin() {
    let payload = r#"{"schema":"json","cmd_t":"a/set","stat_t":"a","clr_temp_k":true,
        "sup_clrm":["color_temp"]}"#;
    let lamp = light(payload);
    let told = order(&lamp, &json!({"color_temp_k": 2700}), &json!({"on": true}));
    assert_eq!(told, json!({"state": "ON", "color_temp": 2700}));
    assert_eq!(heard(&lamp, "a", r#"{"color_temp":7000}"#), json!({"color_temp_k": 6500}));
}

#[test]
fn red_green_blue_and_white_are_as_strong_as_the_colour() {
    let of = |mode: &str| {
        light(
            &json!({"schema": "json", "cmd_t": "a/set", "stat_t": "a", "sup_clrm": [mode]})
                .to_string(),
        )
    };
    let colour = |mode: &str, hue: i32, saturation: i32| {
        let wish = json!({"hue": hue, "saturation": saturation});
        order(&of(mode), &wish, &json!({"on": true}))["color"].clone()
    };
    assert_eq!(colour("rgbw", 0, 0), json!({"r": 0, "g": 0, "b": 0, "w": 255}));
    assert_eq!(colour("rgbw", 0, 20), json!({"r": 64, "g": 0, "b": 0, "w": 255}));
    assert_eq!(colour("rgbww", 0, 100), json!({"r": 255, "g": 0, "b": 0, "c": 0, "w": 0}));
    let said = r#"{"color_mode":"rgbw","color":{"r":64,"g":0,"b":0,"w":255}}"#;
    let meant = json!({"hue": 0.0, "saturation": 20.063});
    assert_eq!(heard(&of("rgbw"), "a", said), meant);
}

#[test]
fn flags_stand_for_modes() {
    let lamp =
        light(r#"{"schema":"json","cmd_t":"a/set","stat_t":"a","color_temp":true,"hs":"yes"}"#);
    let told = order(&lamp, &json!({"hue": 12.5, "saturation": 30}), &json!({"on": true}));
    assert_eq!(told["color"], json!({"h": 12.5, "s": 30.0}));
    assert_eq!(heard(&lamp, "a", r#"{"color_temp":250}"#), json!({"color_temp_k": 4000}));
}

#[test]
fn what_a_light_of_json_does_not_say_is_not_guessed() {
    let bulb = light(BULB);
    for said in [
        "{}",
        r#"{"state":null}"#,
        r#"{"brightness":0}"#,
        r#"{"color":null,"color_temp":null,"effect":null}"#,
        r#"{"color":{"x":1}}"#,
        r#"{"color_mode":"unheard","color":{"h":1,"s":2},"color_temp":300}"#,
    ] {
        assert_eq!(heard(&bulb, "zigbee2mqtt/bulb", said), json!({}), "{said}");
    }
    assert_eq!(hears(&bulb, "zigbee2mqtt/bulb", b"ON").unwrap_err(), "it isn't a JSON object");
}

#[test]
fn a_light_of_topics_says_each_on_its_own() {
    let lamp = light(
        r#"{"cmd_t":"l/set","stat_t":"l","bri_cmd_t":"l/bri/set","bri_stat_t":"l/bri","bri_scl":100,
        "clr_temp_cmd_t":"l/ct/set","clr_temp_stat_t":"l/ct",
        "hs_cmd_t":"l/hs/set","hs_stat_t":"l/hs",
        "fx_cmd_t":"l/fx/set","fx_stat_t":"l/fx","rgb_stat_t":"l/rgb","xy_stat_t":"l/xy"}"#,
    );
    assert_eq!(lamp.topics(), ["l", "l/bri", "l/ct", "l/fx", "l/hs", "l/rgb", "l/xy"]);
    let cases = [
        ("l", "ON", json!({"on": true})),
        ("l", "None", json!({})),
        ("l/bri", "42", json!({"brightness": 42})),
        ("l/bri", "0", json!({})),
        ("l/ct", "250", json!({"color_temp_k": 4000})),
        ("l/hs", "359.5,100.0", json!({"hue": 359.5, "saturation": 100.0})),
        ("l/rgb", "0,0,128", json!({"hue": 240.0, "saturation": 100.0})),
        ("l/fx", "rainbow", json!({"effect": "rainbow"})),
    ];
    for (topic, said, meant) in cases {
        assert_eq!(heard(&lamp, topic, said), meant, "{topic} {said}");
    }
    assert_eq!(hears(&lamp, "l/hs", b"1").unwrap_err(), "“1” isn't what it is about");
    let wish = json!({"on": true, "brightness": 7, "hue": 30, "saturation": 40, "effect": "x"});
    let told = orders(&lamp, &wish, &json!({"on": false}));
    assert_eq!(told, ["l/bri/set 7", "l/hs/set 30.0,40.0", "l/fx/set x", "l/set ON"]);
    let told = orders(&lamp, &json!({"color_temp_k": 4000}), &json!({"on": true}));
    assert_eq!(told, ["l/ct/set 250", "l/set ON"]);
    assert_eq!(orders(&lamp, &json!({"on": false, "brightness": 3}), &json!({})), ["l/set OFF"]);
}

#[test]
fn what_turns_a_light_of_topics_on_comes_where_it_says() {
    let of = |word: &str| {
        let payload = json!({"cmd_t": "l/set", "bri_cmd_t": "l/bri", "on_cmd_type": word});
        light(&payload.to_string())
    };
    let wish = json!({"on": true, "brightness": 100});
    let off = json!({"on": false, "brightness": 20});
    assert_eq!(orders(&of("last"), &wish, &off), ["l/bri 255", "l/set ON"]);
    assert_eq!(orders(&of("first"), &wish, &off), ["l/set ON", "l/bri 255"]);
    assert_eq!(orders(&of("brightness"), &wish, &off), ["l/bri 255"]);
    assert_eq!(orders(&of("brightness"), &json!({"on": true}), &off), ["l/bri 51"]);
    assert_eq!(orders(&of("brightness"), &json!({"on": true}), &json!({})), ["l/bri 255"]);
}

#[test]
fn without_a_topic_for_it_brightness_is_the_strength_of_the_colour() {
    let lamp =
        light(r#"{"cmd_t":"l/set","stat_t":"l","rgb_cmd_t":"l/rgb/set","rgb_stat_t":"l/rgb"}"#);
    let said = heard(&lamp, "l/rgb", "(0, 128, 0)");
    assert_eq!(said, json!({"brightness": 50, "hue": 120.0, "saturation": 100.0}));
    let known = json!({"on": true, "hue": 120, "saturation": 100, "brightness": 50});
    let told = orders(&lamp, &json!({"brightness": 20}), &known);
    assert_eq!(told, ["l/rgb/set 0,51,0", "l/set ON"]);
    let told = orders(&lamp, &json!({"hue": 0}), &known);
    assert_eq!(told, ["l/rgb/set 128,0,0", "l/set ON"]);
}

#[test]
fn templates_of_a_light_of_topics_are_followed() {
    let lamp = light(
        r##"{"cmd_t":"l/set","stat_t":"l","stat_val_tpl":"{{ value_json.power }}",
        "bri_cmd_t":"l/set","bri_cmd_tpl":"{\"bri\":{{ value }}}","bri_stat_t":"l",
        "bri_val_tpl":"{{ value_json.bri | is_defined }}","rgb_cmd_t":"l/set",
        "rgb_cmd_tpl":"#{{ '%02x%02x%02x' | format(red, green, blue) }}","rgb_stat_t":"l",
        "rgb_val_tpl":"{{ value_json.rgb | join(',') }}"}"##,
    );
    assert_eq!(lamp.topics(), ["l"]);
    let said = heard(&lamp, "l", r#"{"power":"ON","bri":255,"rgb":[255,0,0]}"#);
    assert_eq!(said, json!({"on": true, "brightness": 100, "hue": 0.0, "saturation": 100.0}));
    let wish = json!({"brightness": 100, "hue": 240, "saturation": 100});
    let told = orders(&lamp, &wish, &json!({"on": true}));
    assert_eq!(told, [r#"l/set {"bri":255}"#, "l/set #0000ff", "l/set ON"]);
}

#[test]
fn what_a_light_never_says_is_believed() {
    let lamp = light(r#"{"cmd_t":"l/set","stat_t":"l","bri_cmd_t":"l/bri"}"#);
    assert!(!lamp.is_optimistic());
    let wish = map(&json!({"on": true, "brightness": 40, "hue": 3}));
    assert_eq!(lamp.assumed(&wish, &Map::new()), map(&json!({"brightness": 40})));
    let forced = light(r#"{"cmd_t":"l/set","stat_t":"l","opt":true}"#);
    assert!(forced.is_optimistic());
    assert_eq!(forced.assumed(&wish, &Map::new()), map(&json!({"on": true})));
}

#[test]
fn what_a_light_can_not_say_finer_counts_as_what_was_wished() {
    let coarse =
        light(r#"{"schema":"json","cmd_t":"a/set","stat_t":"a","bri_scl":10,"sup_clrm":["rgb"]}"#);
    let mut said =
        map(&heard(&coarse, "a", r#"{"brightness":4,"color":{"r":242,"g":248,"b":255}}"#));
    let wanted = map(&json!({"brightness": 37, "hue": 211, "saturation": 5}));
    settle(&coarse, &wanted, &mut said);
    assert_eq!(said, wanted);
    let mut said = map(&json!({"brightness": 30}));
    settle(&coarse, &wanted, &mut said);
    assert_eq!(said, map(&json!({"brightness": 30})));
}
