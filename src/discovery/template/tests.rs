//! Templates as configurations have them, and as nobody should.

use proptest::prelude::*;

use super::super::payload::Payload;
use super::*;

fn through(source: &str, payload: &str) -> Result<String, String> {
    Template::new(source).unwrap().read(&Payload::new(payload.as_bytes()).unwrap())
}

const PLUG: &str = r#"{"ENERGY":{"Power":12,"Total":[1.5,2]},"on":true,"battery low":null,
    "v":"23.5","flags":6,"s":"a,b","linkquality":87}"#;

#[test]
fn a_plain_path_needs_no_engine() {
    for source in [
        "{{ value_json.ENERGY.Power }}",
        "{{value_json['ENERGY'][\"Power\"]}}",
        " {{ value_json.ENERGY[ 'Power' ] }} ",
        "{{ value_json.ENERGY.Power | is_defined }}",
    ] {
        assert!(matches!(Template::new(source), Ok(Template::Path(_))), "{source}");
        assert_eq!(through(source, PLUG).unwrap(), "12");
    }
    assert_eq!(through("{{ value_json.ENERGY.Total[0] }}", PLUG).unwrap(), "1.5");
    assert_eq!(Template::new("{{ value }}"), Ok(Template::Whole));
}

#[test]
fn values_are_printed_as_home_assistant_prints_them() {
    for (path, engine) in [
        ("{{ value_json.on }}", "{{ value_json.on | default('x') }}"),
        ("{{ value_json['battery low'] }}", "{{ value_json['battery low'] | default('x') }}"),
        ("{{ value_json.v }}", "{{ value_json.v | default('x') }}"),
        ("{{ value_json.nothing.here }}", "{{ value_json.nothing.here | default('') }}"),
    ] {
        assert_eq!(through(path, PLUG), through(engine, PLUG), "{path}");
    }
    assert_eq!(through("{{ value_json.on }}", PLUG).unwrap(), "True");
    assert_eq!(through("{{ value_json['battery low'] }}", PLUG).unwrap(), "None");
}

#[test]
fn the_words_of_home_assistant_are_known() {
    let cases = [
        ("{{ value_json.v | float * 2 }}", "47.0"),
        ("{{ value_json.v | int }}", "23"),
        ("{{ value_json.on2 | float(7) }}", "7"),
        ("{{ value_json.s | float(default=1.5) }}", "1.5"),
        ("{{ float(value_json.v) | round(0) | int }}", "24"),
        ("{{ (value_json.ENERGY.Power | float / 3) | round(2) }}", "4.0"),
        ("{{ value_json.on | iif('yes', 'no') }}", "yes"),
        ("{{ iif(value_json.flags > 7, 'yes', 'no') }}", "no"),
        ("{{ 'ON' if value_json.on else 'OFF' }}", "ON"),
        ("{% if value_json.flags | bitwise_and(2) %}ON{% else %}OFF{% endif %}", "ON"),
        ("{{ value_json.s.split(',')[1] | upper }}", "B"),
        ("{{ value_json.get('none', 'other') }}", "other"),
        ("{{ (value | from_json).flags }}", "6"),
        ("{{ value_json.linkquality | multiply(0.5) }}", "43.5"),
        ("{{ value_json.v | replace('.', ',') }}", "23,5"),
        ("{{ 'on' | bool }}", "True"),
        ("{{ '1f' | int(base=16) }}", "31"),
        ("{{ value_json.ENERGY | to_json }}", r#"{"Power": 12, "Total": [1.5, 2]}"#),
        ("{% set x = value_json.flags %}  {{ x + 1 }} ", "7"),
    ];
    for (source, made) in cases {
        assert_eq!(through(source, PLUG).as_deref(), Ok(made), "{source}");
    }
}

#[test]
fn what_is_not_there_makes_nothing() {
    for source in [
        "{{ value_json.a | float }}",
        "{{ value_json.a.b | is_defined | round(1) }}",
        "{{ value_json.a | int }}",
    ] {
        assert_eq!(through(source, PLUG).unwrap(), "", "{source}");
    }
}

#[test]
fn what_can_not_be_followed_is_explained() {
    let why = |source| through(source, PLUG).unwrap_err();
    assert_eq!(through("{{ value_json.a }}", "no").unwrap_err(), "it isn't JSON");
    assert!(why("{{ value_json.s | float }}").contains("isn't a number"));
    assert!(why("{{ value | unheard_of }}").contains("unheard_of"));
}

#[test]
fn a_template_that_would_not_end_is_stopped() {
    for source in [
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ ('x' * 1000) | replace('x', 'y' * 10000) | length }}",
        "{% for a in range(10000) %}{{ value }}{% endfor %}",
        "{{ range(100000) | map('string') | join }}",
    ] {
        assert!(through(source, &"v".repeat(1000)).is_err(), "{source}");
    }
}

#[test]
fn how_often_the_engine_reads_one_message_is_bounded() {
    let (engine, path) = ("{{ value_json.a + 1 }}", "{{ value_json.a }}");
    let [engine, path] = [engine, path].map(|source| Template::new(source).unwrap());
    let said = Payload::new(br#"{"a":1}"#).unwrap();
    for _ in 0..128 {
        assert_eq!(engine.read(&said).unwrap(), "2");
    }
    assert_eq!(engine.read(&said).unwrap_err(), "more than 128 templates read it");
    assert_eq!(path.read(&said).unwrap(), "1");
}

#[test]
fn what_a_template_makes_is_bounded() {
    let source = |times: usize| format!("{{{{ 'x' * {times} }}}}");
    assert_eq!(through(&source(OUTPUT_BYTES_MAX), "").unwrap().len(), OUTPUT_BYTES_MAX);
    assert!(through(&source(OUTPUT_BYTES_MAX + 1), "").is_err());
}

#[test]
fn a_template_is_bounded_itself() {
    let of = |bytes: usize| Template::new(&"x".repeat(bytes));
    assert!(of(TEMPLATE_BYTES_MAX).is_ok());
    assert_eq!(of(TEMPLATE_BYTES_MAX + 1).unwrap_err(), "is longer than 4096 bytes");
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(2000), ")".repeat(2000));
    assert!(Template::new(&nested).is_err());
}

#[test]
fn no_template_is_too_deep_for_the_stack() {
    let fill = |before: &str, part: &str, after: &str| {
        let times = (TEMPLATE_BYTES_MAX - before.len() - after.len()) / part.len();
        format!("{before}{}{after}", part.repeat(times))
    };
    for source in [
        fill("{{ ", "not ", "1 }}"),
        fill("{{ ", "-", "1 }}"),
        fill("{{ 1", "+1", " }}"),
        fill("{{ 1", "~1", " }}"),
        fill("{{ 1", "**1", " }}"),
        fill("{{ 1", " and 1", " }}"),
        fill("{{ 1", "<1", " }}"),
        fill("{{ a", ".a", " }}"),
        fill("{{ a", "[1]", " }}"),
        fill("{{ a", "()", " }}"),
        fill("{{ 1", "|e", " }}"),
        fill("{{ 1", " is e", " }}"),
        fill("{{ ", "1 if 1 else ", "1 }}"),
        fill("{% if 1 %}", "{%elif 1%}", "{% endif %}"),
        fill("", "{%if 1%}", ""),
        fill("", "{%for a in a%}", ""),
        fill("{{ ", "[", ""),
        fill("{{ ", "{1:", ""),
        fill("{{ ", "(", ""),
        fill("{{ ", "a(", ""),
    ] {
        if let Ok(template) = Template::new(&source) {
            drop(template.read(&Payload::new(b"{}").unwrap()));
        }
    }
    let deep = |many: usize| format!("{}{}", "[".repeat(many), "]".repeat(many));
    assert!(through("{{ value_json | to_json }}", &deep(127)).is_ok());
    assert_eq!(through("{{ value_json }}", &deep(30_000)).unwrap(), "");
}

#[test]
fn an_order_is_written_with_what_it_is_about() {
    let template = Template::new(r#"{"hue": {{ hue | int }}, "all": "{{ value }}"}"#).unwrap();
    let made = template.write("120.0,50.0", &[("hue", 120.0), ("sat", 50.0)]).unwrap();
    assert_eq!(made, r#"{"hue": 120, "all": "120.0,50.0"}"#);
    assert_eq!(Template::new("{{ value }}").unwrap().write(7, &[]).unwrap(), "7");
}

proptest! {
    #[test]
    fn any_template_on_any_message_ends(source in "\\PC{0,40}", payload in "\\PC{0,40}") {
        for source in [source.clone(), format!("{{{{ value_json{source} }}}}")] {
            if let Ok(template) = Template::new(&source) {
                drop(template.read(&Payload::new(payload.as_bytes()).unwrap()));
            }
        }
    }

    #[test]
    fn a_path_and_the_engine_find_the_same(
            key in "[a-z]{1,3}", at in 0..3_usize, value in -5..5_i32,
        ) {
        let payload = format!(r#"{{"{key}":[{value},"x",true]}}"#);
        let path = through(&format!("{{{{ value_json.{key}[{at}] }}}}"), &payload);
        let engine = through(&format!("{{{{ (value_json.{key}[{at}]) }}}}"), &payload);
        prop_assert_eq!(path, engine);
    }
}
