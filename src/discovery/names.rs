//! The short names of configuration fields, as "Supported abbreviations" of the `mqtt` page lists
//! them, for the fields that are read here. Pure.

/// The fields that the components of a bundle take from its top, unless they have their own.
pub(super) const SHARED: &[&str] = &[
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "command_topic",
    "encoding",
    "payload_available",
    "payload_not_available",
    "qos",
    "state_topic",
];

/// The short name of a component's field, a bundle's, or an availability's.
pub(super) fn short(field: &str) -> Option<&'static str> {
    Some(match field {
        "availability" => "avty",
        "availability_mode" => "avty_mode",
        "availability_template" => "avty_tpl",
        "availability_topic" => "avty_t",
        "brightness_command_template" => "bri_cmd_tpl",
        "brightness_command_topic" => "bri_cmd_t",
        "brightness_scale" => "bri_scl",
        "brightness_state_topic" => "bri_stat_t",
        "brightness_value_template" => "bri_val_tpl",
        "color_temp_command_template" => "clr_temp_cmd_tpl",
        "color_temp_command_topic" => "clr_temp_cmd_t",
        "color_temp_kelvin" => "clr_temp_k",
        "color_temp_state_topic" => "clr_temp_stat_t",
        "color_temp_value_template" => "clr_temp_val_tpl",
        "command_template" => "cmd_tpl",
        "command_topic" => "cmd_t",
        "components" => "cmps",
        "device" => "dev",
        "device_class" => "dev_cla",
        "effect_command_template" => "fx_cmd_tpl",
        "effect_command_topic" => "fx_cmd_t",
        "effect_state_topic" => "fx_stat_t",
        "effect_value_template" => "fx_val_tpl",
        "enabled_by_default" => "en",
        "encoding" => "e",
        "entity_category" => "ent_cat",
        "hs_command_template" => "hs_cmd_tpl",
        "hs_command_topic" => "hs_cmd_t",
        "hs_state_topic" => "hs_stat_t",
        "hs_value_template" => "hs_val_tpl",
        "migrate_discovery" => "migr_discvry",
        "on_command_type" => "on_cmd_type",
        "optimistic" => "opt",
        "payload_available" => "pl_avail",
        "payload_not_available" => "pl_not_avail",
        "payload_off" => "pl_off",
        "payload_on" => "pl_on",
        "platform" => "p",
        "retain" => "ret",
        "rgb_command_template" => "rgb_cmd_tpl",
        "rgb_command_topic" => "rgb_cmd_t",
        "rgb_state_topic" => "rgb_stat_t",
        "rgb_value_template" => "rgb_val_tpl",
        "state_off" => "stat_off",
        "state_on" => "stat_on",
        "state_topic" => "stat_t",
        "state_value_template" => "stat_val_tpl",
        "supported_color_modes" => "sup_clrm",
        "topic" => "t",
        "unique_id" => "uniq_id",
        "unit_of_measurement" => "unit_of_meas",
        "value_template" => "val_tpl",
        "xy_command_template" => "xy_cmd_tpl",
        "xy_command_topic" => "xy_cmd_t",
        "xy_state_topic" => "xy_stat_t",
        "xy_value_template" => "xy_val_tpl",
        _ => return None,
    })
}

/// The short name of a device's field.
pub(super) fn short_of_device(field: &str) -> Option<&'static str> {
    Some(match field {
        "connections" => "cns",
        "identifiers" => "ids",
        "suggested_area" => "sa",
        _ => return None,
    })
}
