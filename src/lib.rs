//! Hearth: an IoT device platform in one executable.
