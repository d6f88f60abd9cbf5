use std::collections::HashMap;
use std::time::Duration;

use super::*;

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(file), "my.toml", env)
}

/// Every key of the built-in file with its default.
fn keys() -> Vec<(String, String, Value)> {
    let sections = DEFAULT.parse::<Table>().unwrap();
    let keys = |(section, keys): (String, Value)| {
        let keys = keys.as_table().unwrap().clone();
        keys.into_iter().map(move |(key, value)| (section.clone(), key, value))
    };
    sections.into_iter().flat_map(keys).collect()
}

/// Another value that most keys of that type accept.
fn other(key: &str, value: &Value) -> Value {
    match value {
        Value::Integer(number) => Value::Integer(number + 1),
        Value::Boolean(truth) => Value::Boolean(!truth),
        Value::Array(_) if key == "trusted_proxies" => vec!["10.0.0.1"].into(),
        Value::Array(_) if key == "kind_days" => vec!["thermometer=30/365/0"].into(),
        Value::Array(_) => vec!["https://other.example"].into(),
        Value::String(_) if key == "level" => "debug".into(),
        Value::String(_) if key == "format" => "json".into(),
        Value::String(_) if key == "public_url" => "https://other.example".into(),
        Value::String(_) if key.ends_with("listen") => "127.0.0.1:0".into(),
        Value::String(_) => "other".into(),
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            panic!("no {key} has such a type")
        }
    }
}

/// Lines without which a key may not be set.
fn companions(key: &str) -> &'static str {
    if key == "tls_listen" { "tls_certificate = 'other'\ntls_key = 'other'\n" } else { "" }
}

#[test]
fn the_default_is_a_valid_configuration_with_the_promised_values() {
    let config = Config::load(None, "none", std::iter::empty()).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.mqtt.listen.to_string(), "127.0.0.1:1883");
    assert_eq!((config.mqtt.tls_listen, config.mqtt.anonymous_user), (None, None));
    assert_eq!((config.mqtt.receive_maximum, config.mqtt.topic_alias_maximum), (20, 10));
    assert!(config.mqtt.refused_filters.is_empty() && config.auth.open_registration);
    assert_eq!(config.store.path.to_str(), Some("data"));
    assert_eq!(config.kinds.path.to_str(), Some("kinds"));
    assert_eq!(config.drain.deadline_s, Duration::from_secs(25));
}

#[test]
fn every_key_is_documented_by_a_comment_above_it() {
    let lines: Vec<&str> = DEFAULT.lines().collect();
    for pair in lines.windows(2) {
        if pair[1].contains(" = ") && !pair[1].starts_with('#') {
            assert!(pair[0].starts_with("# "), "{} has no comment", pair[1]);
        }
    }
    assert!(lines.iter().all(|line| line.len() <= 100));
}

#[test]
fn every_key_can_be_set_in_the_file() {
    let default = load("", &[]).unwrap();
    for (section, key, value) in keys() {
        let lines = companions(&key);
        let text = format!("[{section}]\n{lines}{key} = {}", other(&key, &value));
        let config = load(&text, &[]).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        assert_ne!(config, default, "{section}.{key} has no effect");
    }
}

#[test]
fn every_key_can_be_set_in_the_environment_which_wins_over_the_file() {
    for (section, key, value) in keys() {
        let name = format!("HEARTH__{}__{}", section.to_uppercase(), key.to_uppercase());
        let value = other(&key, &value);
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let lines = format!("[{section}]\n{}", companions(&key));
        let by_env = load(&lines, &[(&name, &text)]).unwrap();
        let by_file = load(&format!("{lines}{key} = {value}"), &[]).unwrap();
        assert_eq!(by_env, by_file, "{name}");
    }
    let file = "[http]\nlisten = '127.0.0.1:1'";
    let config = load(file, &[("HEARTH__HTTP__LISTEN", "0.0.0.0:2")]).unwrap();
    assert_eq!(config.http.listen.port(), 2);
}

#[test]
fn all_errors_are_reported_at_once_with_key_reason_and_source() {
    let file = "
        flat = 1
        [http]
        lisen = '127.0.0.1:1'
        listen = 'localhost'
        connections_max = 0
        [mqtt]
        receive_maximum = 'many'
        [nowhere]
        key = true
        [log]
        level = 'loud'";
    let env = [
        ("HEARTH__AUTH__OPEN_REGISTRATION", "maybe"),
        ("HEARTH__STORE__PTAH", "x"),
        ("PATH", "/bin"),
        ("HEARTH_HTTP_LISTEN", "not ours"),
    ];
    let errors = load(file, &env).unwrap_err();
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected = [
        "auth.open_registration: must be true or false, not \"maybe\" \
         (environment HEARTH__AUTH__OPEN_REGISTRATION)",
        "flat: there is no such key (my.toml)",
        "http.connections_max: must be a whole number from 1 to 10000000, not 0 (my.toml)",
        "http.lisen: there is no such key; is http.listen meant? (my.toml)",
        "http.listen: must be an address such as \"127.0.0.1:1883\" or \"[::1]:1883\", \
         not \"localhost\" (my.toml)",
        "log.level: must be one of error, warn, info, debug, trace, not \"loud\" (my.toml)",
        "mqtt.receive_maximum: must be a whole number from 1 to 65535, not \"many\" (my.toml)",
        "nowhere.key: there is no such key (my.toml)",
        "store.ptah: there is no such key; is store.path meant? (environment HEARTH__STORE__PTAH)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_kinds_days_are_three_numbers_and_each_kind_has_them_once() {
    let config = load("[stats]\nkind_days = [\"plug=1/2/3\", \"light=4/5/0\"]", &[]).unwrap();
    let days = config.stats.kind_days.first().unwrap();
    assert_eq!(
        (days.kind.as_str(), days.raw_days, days.minute_days, days.hour_days),
        ("plug", 1, 2, 3)
    );
    for bad in ["plug", "plug=1/2", "plug=0/1/1", "plug=1/2/x", "plug=1/2/3/4"] {
        assert!(load(&format!("[stats]\nkind_days = [\"{bad}\"]"), &[]).is_err(), "{bad}");
    }
    let twice = "[stats]\nkind_days = [\"plug=1/2/3\", \"light=1/2/3\", \"plug=1/2/3\"]";
    assert!(load(twice, &[]).is_err());
}

#[test]
fn text_that_is_no_toml_is_one_error_with_its_line() {
    let errors = load("[http]\nlisten = \n", &[]).unwrap_err();
    assert_eq!((errors.len(), errors[0].key.as_str()), (1, "line 2"));
}

#[test]
fn keys_that_contradict_each_other_are_errors() {
    let file = "
        [mqtt]
        tls_listen = '0.0.0.0:8883'
        [supervision]
        backoff_ms = 20000
        [drain]
        deadline_s = 5";
    let errors = load(file, &[]).unwrap_err();
    let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    let expected =
        ["drain.deadline_s", "mqtt.tls_certificate", "mqtt.tls_key", "supervision.backoff_ms"];
    assert_eq!(keys, expected);
}

#[test]
fn lists_in_the_environment_are_written_with_commas_or_as_in_toml() {
    for text in ["a/#, b", "['a/#', 'b']"] {
        let config = load("", &[("HEARTH__MQTT__REFUSED_FILTERS", text)]).unwrap();
        assert_eq!(config.mqtt.refused_filters, ["a/#", "b"]);
    }
}

#[test]
fn port_0_and_ipv6_are_fine_and_a_public_url_has_no_path() {
    let config = load("[http]\nlisten = '[::1]:0'\npublic_url = ''", &[]).unwrap();
    assert_eq!((config.http.listen.port(), config.http.public_url), (0, None));
    for url in ["https://a.example/", "home", "ftp://a", "https://"] {
        assert!(load(&format!("[http]\npublic_url = '{url}'"), &[]).is_err(), "{url}");
    }
}

#[test]
fn each_key_refuses_what_it_is_not() {
    let wrong: HashMap<&str, &str> =
        HashMap::from([("integer", "-1"), ("boolean", "1"), ("string", "7"), ("array", "[1]")]);
    for (section, key, value) in keys() {
        let text = format!("[{section}]\n{key} = {}", wrong[value.type_str()]);
        let errors = load(&text, &[]).unwrap_err();
        assert_eq!((errors.len(), &errors[0].key), (1, &format!("{section}.{key}")));
        assert!(errors[0].reason.starts_with("must be "), "{}", errors[0]);
    }
}
