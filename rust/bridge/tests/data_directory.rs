//! The data directory: what an owner of a Zigbee2MQTT directory sees of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bridge::data::{
    DataDirectory, DataError, DatabaseImage, Loaded, OpenOptions, Problem, Save, Settings,
};
use hub::{DurableChange, DurableRows, Entity};
use serde_json::{Value as Json, json};
use zigbee::{GroupId, IeeeAddress};

const RELAY: IeeeAddress = IeeeAddress(0x0015_8d00_0123_4567);
const KNOB: IeeeAddress = IeeeAddress(0x0015_8d00_0234_5678);

/// A copy of an example directory.
fn example(name: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    directory
}

fn open(path: &Path) -> Result<Loaded, DataError> {
    DataDirectory::open_with(path, &OpenOptions::default())
}

fn read(path: &Path, name: &str) -> String {
    fs::read_to_string(path.join(name)).unwrap()
}

fn problems(result: Result<Loaded, DataError>) -> Vec<Problem> {
    match result {
        Err(DataError::Invalid(mut problems)) => {
            // The whole path of the file is named; here its last part is compared.
            for problem in problems.iter_mut().filter(|one| one.file != "environment") {
                let path = PathBuf::from(&problem.file);
                assert!(path.is_absolute(), "{problem}");
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .clone_into(&mut problem.file);
            }
            problems
        }
        other => panic!("{other:?}"),
    }
}

fn with_configuration(text: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("configuration.yaml"), text).unwrap();
    directory
}

/// All files of a directory.
fn contents(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

/// Every line as JSON, so that the order of keys does not count.
fn lines(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_zigbee2mqtt_directory_is_read_and_stays_as_it_is() {
    let directory = example("current");
    let before = contents(directory.path());
    let loaded = open(directory.path()).unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.mqtt().server, "mqtt://localhost:1883");
    assert_eq!(
        settings.mqtt().password.as_ref().unwrap().reveal(),
        "hunter2 # not a comment"
    );
    let network = settings.network();
    assert_eq!(network.channel, 15);
    assert_eq!(network.pan_id.0, 0x1a63);
    assert_eq!(network.extended_pan_id.0, 0xdddd_dddd_dddd_ddde);
    assert_eq!(network.network_key[15], 14);
    assert_eq!(settings.friendly_name(Entity::Device(RELAY)), "hall/relay");
    assert_eq!(settings.find("büro knob"), Some(Entity::Device(KNOB)));
    assert_eq!(settings.find("1"), Some(Entity::Group(GroupId(1))));
    assert_eq!(
        Json::Object((*settings.options(Entity::Device(KNOB))).clone()),
        json!({"retain": true, "qos": 1, "friendly_name": "büro knob", "temperature_precision": 1, "filtered_attributes": ["voltage"]})
    );
    assert_eq!(loaded.registry.devices.len(), 5);
    assert_eq!(loaded.registry.groups.len(), 2);
    assert_eq!(
        loaded.registry.states[&Entity::Device(RELAY)]["power"],
        json!(12.5)
    );
    assert_eq!(loaded.backup.unwrap()["pan_id"], json!("1a63"));
    assert!(!loaded.is_new);
    assert_eq!(loaded.warnings, []);
    // Two devices of the database had no entry: they got one; nothing else changed.
    let mut after = contents(directory.path());
    let name = directory.path().join("configuration.yaml");
    let text = String::from_utf8(after.remove(&name).unwrap()).unwrap();
    let expected = String::from_utf8(before[&name].clone()).unwrap().replace(
        "groups:\n",
        "  '0x00000000017171f8':\n    friendly_name: '0x00000000017171f8'\n  '0x00158d0003456789':\n    friendly_name: '0x00158d0003456789'\ngroups:\n",
    );
    assert_eq!(text, expected);
    let mut before = before;
    before.remove(&name);
    assert_eq!(after, before);
}

#[test]
fn a_group_that_only_the_configuration_has_exists_without_members() {
    let directory = example("current");
    let path = directory.path();
    let name = path.join("configuration.yaml");
    let text = fs::read_to_string(&name).unwrap();
    fs::write(
        &name,
        text.replace(
            "groups:\n",
            "groups:\n  '77':\n    friendly_name: by hand\n",
        ),
    )
    .unwrap();
    let mut loaded = open(path).unwrap();
    let ids = |loaded: &Loaded| {
        let devices = loaded.registry.devices.iter().map(|d| d.database_id);
        let mut ids: Vec<u32> = devices
            .chain(loaded.registry.groups.iter().map(|group| group.database_id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    };
    assert_eq!(loaded.registry.groups.len(), 3);
    let group = loaded.registry.groups.last().unwrap();
    assert_eq!((group.id, group.members.len()), (GroupId(77), 0));
    assert_eq!(ids(&loaded), 8);
    let image = DatabaseImage::new(&loaded.registry.devices, &loaded.registry.groups);
    loaded.directory.save(&Save::Database(image)).unwrap();
    let again = open(path).unwrap();
    assert_eq!(again.registry.groups.len(), 3);
    assert_eq!(again.warnings, []);
}

#[test]
fn a_new_record_takes_no_number_of_a_record_that_nothing_here_knows() {
    let directory = example("current");
    let name = directory.path().join("database.db");
    let text = read(directory.path(), "database.db");
    fs::write(&name, format!("{text}\n{{\"id\":900,\"type\":\"Later\"}}")).unwrap();
    let loaded = open(directory.path()).unwrap();
    let now = hub::Now {
        instant: adapters::Instant::default(),
        unix_ms: 0,
    };
    let settings = hub::Settings::default();
    let mut hub = hub::Hub::new(devices::Catalogue::builtin(), loaded.registry, settings, 1);
    let create = hub::Command::Group(hub::GroupCommand::Create(GroupId(4000)));
    hub.handle(now, hub::Input::Command(hub::CommandId(1), create));
    let group = hub.groups().find(|group| group.id == GroupId(4000));
    assert_eq!(group.unwrap().database_id, 901);
}

#[test]
fn a_database_comes_back_equal() {
    let directory = example("current");
    let before = read(directory.path(), "database.db");
    let mut loaded = open(directory.path()).unwrap();
    let image = DatabaseImage::new(&loaded.registry.devices, &loaded.registry.groups);
    loaded.directory.save(&Save::Database(image)).unwrap();
    let after = read(directory.path(), "database.db");
    assert_eq!(lines(&after), lines(&before));
    assert!(!after.ends_with('\n'));
    assert!(after.starts_with("{\"id\":1,\"type\":\"Coordinator\",\"ieeeAddr\":\"0x00124b00120144ae\",\"nwkAddr\":0,\"manufId\":0,\"epList\":[1,2,242],\"endpoints\":{\"1\":{\"profId\":260,\"epId\":1,\"devId\":5,\"inClusterList\":[],\"outClusterList\":[],\"clusters\":{},\"binds\":[],\"configuredReportings\":[],\"meta\":{}},\"2\":"));
}

#[test]
fn states_and_backups_come_back_equal() {
    let directory = example("current");
    let before: Json = serde_json::from_str(&read(directory.path(), "state.json")).unwrap();
    let backup: Json =
        serde_json::from_str(&read(directory.path(), "coordinator_backup.json")).unwrap();
    let mut loaded = open(directory.path()).unwrap();
    let states = loaded.registry.states.clone();
    assert!(
        loaded
            .directory
            .save(&Save::States(states.clone()))
            .unwrap()
            .changed
    );
    assert!(
        !loaded
            .directory
            .save(&Save::States(states))
            .unwrap()
            .changed
    );
    loaded
        .directory
        .save(&Save::Backup(loaded.backup.clone().unwrap()))
        .unwrap();
    let after: Json = serde_json::from_str(&read(directory.path(), "state.json")).unwrap();
    assert_eq!(after, before);
    let after: Json =
        serde_json::from_str(&read(directory.path(), "coordinator_backup.json")).unwrap();
    assert_eq!(after, backup);
}

#[test]
fn changes_are_written_where_they_belong_and_comments_stay() {
    let directory = example("current");
    let mut loaded = open(directory.path()).unwrap();
    let before = read(directory.path(), "configuration.yaml");
    let mut settings = loaded.settings.clone();
    settings
        .rename(Entity::Device(RELAY), " hall/double relay ")
        .unwrap();
    let change = settings
        .set_options(
            Entity::Device(KNOB),
            json!({"temperature_precision": null, "debounce": 1})
                .as_object()
                .unwrap(),
        )
        .unwrap();
    assert!(change.restart_required);
    assert_eq!(
        Json::Object(change.to),
        json!({"filtered_attributes": ["voltage"], "debounce": 1})
    );
    let saved = loaded
        .directory
        .save(&Save::Settings(Box::new(settings.clone())))
        .unwrap();
    assert!(saved.changed);
    assert_eq!(saved.warnings, []);
    let expected = before
        .replace(
            "friendly_name: hall/relay",
            "friendly_name: hall/double relay",
        )
        .replace("    temperature_precision: 1\n", "")
        .replace(
            "    filtered_attributes: [voltage]\n",
            "    filtered_attributes: [voltage]\n    debounce: 1\n",
        );
    assert_eq!(read(directory.path(), "configuration.yaml"), expected);
    // Again: nothing to do.
    let saved = loaded
        .directory
        .save(&Save::Settings(Box::new(settings)))
        .unwrap();
    assert!(!saved.changed);
}

#[test]
fn what_a_person_changed_meanwhile_stays() {
    let directory = example("current");
    let mut loaded = open(directory.path()).unwrap();
    let name = directory.path().join("configuration.yaml");
    let edited = read(directory.path(), "configuration.yaml")
        .replace("channel: 15", "channel: 20")
        .replace("# upstairs", "# attic");
    fs::write(&name, &edited).unwrap();
    let mut settings = loaded.settings.clone();
    settings.rename(Entity::Device(RELAY), "relay").unwrap();
    loaded
        .directory
        .save(&Save::Settings(Box::new(settings.clone())))
        .unwrap();
    assert_eq!(
        read(directory.path(), "configuration.yaml"),
        edited.replace("hall/relay", "relay")
    );
    // What he broke is not overwritten.
    fs::write(&name, "mqtt: [").unwrap();
    settings.rename(Entity::Device(RELAY), "relay 2").unwrap();
    let result = loaded.directory.save(&Save::Settings(Box::new(settings)));
    assert!(matches!(result, Err(DataError::Invalid(_))));
    assert_eq!(read(directory.path(), "configuration.yaml"), "mqtt: [");
}

#[test]
fn secrets_and_split_files_are_written_into_their_own_files() {
    let directory = example("split");
    let before = contents(directory.path());
    let mut loaded = open(directory.path()).unwrap();
    assert_eq!(contents(directory.path()), before);
    let mut settings = loaded.settings.clone();
    assert_eq!(settings.mqtt().server, "mqtts://broker.example:8883");
    assert_eq!(
        settings.mqtt().password.as_ref().unwrap().reveal(),
        "hunter2"
    );
    assert_eq!(settings.network().network_key[0], 21);
    assert_eq!(settings.find("two"), Some(Entity::Group(GroupId(2))));

    settings.rename(Entity::Group(GroupId(2)), "cabin").unwrap();
    settings.remove(Entity::Device(KNOB));
    settings.ensure_device(IeeeAddress(0x0015_8d00_0999_9999));
    settings.add_group("three", None).unwrap();
    settings
        .change(
            json!({"mqtt": {"password": "new", "user": "otto"}, "frontend": {"auth_token": "a: b"}})
                .as_object()
                .unwrap(),
        )
        .unwrap();
    loaded
        .directory
        .save(&Save::Settings(Box::new(settings)))
        .unwrap();
    let path = directory.path();
    assert_eq!(
        read(path, "configuration.yaml"),
        fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/split/configuration.yaml")
        )
        .unwrap()
        .replace("user: anna", "user: otto")
    );
    assert_eq!(
        read(path, "secret.yaml"),
        "# secrets of the house\nserver: mqtts://broker.example:8883\nmqtt_password: new\ntoken: 'a: b' # for the tablet\n"
    );
    assert_eq!(
        read(path, "devices.yaml"),
        "# all devices\n'0x00158d0001234567': # the first one\n  friendly_name: hall\n'0x00158d0009999999':\n  friendly_name: '0x00158d0009999999'\n"
    );
    assert_eq!(
        read(path, "groups.yaml"),
        "'1':\n  friendly_name: one\n'3':\n  friendly_name: three\n"
    );
    assert_eq!(
        read(path, "more-groups.yaml"),
        "# from the cabin\n'2':\n  friendly_name: cabin\n"
    );
    let again = open(path).unwrap();
    assert_eq!(
        again.settings.mqtt().password.as_ref().unwrap().reveal(),
        "new"
    );
    assert_eq!(
        again.settings.find("cabin"),
        Some(Entity::Group(GroupId(2)))
    );
}

#[test]
fn a_file_without_version_is_brought_up_to_date() {
    let directory = example("first");
    let old = read(directory.path(), "configuration.yaml");
    let loaded = open(directory.path()).unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.homeassistant().discovery_topic, "ha");
    assert!(settings.homeassistant().enabled);
    assert!(settings.availability().enabled);
    assert!(settings.frontend().enabled);
    assert_eq!(settings.serial().baudrate, Some(115_200));
    assert_eq!(settings.serial().rtscts, Some(false));
    assert_eq!(settings.advanced().transmit_power, Some(5));
    assert_eq!(settings.advanced().log_level.name(), "warning");
    assert_eq!(settings.passlist(), [RELAY]);
    assert_eq!(settings.blocklist().len(), 2);
    let path = directory.path();
    assert_eq!(read(path, "configuration_backup_v1.yaml"), old);
    assert_eq!(
        fs::read(path.join("device_icons/03690ab2ccd21a7441feadb0a5f629f0.png")).unwrap(),
        b"\x89PNG\r\n\x1a\n"
    );
    let new = read(path, "configuration.yaml");
    assert!(new.starts_with("# written in 2019\n"), "{new}");
    assert!(
        new.contains("log_level: warning      # quiet please"),
        "{new}"
    );
    for gone in [
        "permit_join",
        "experimental",
        "retrieve_state",
        "whitelist",
        "legacy",
    ] {
        assert!(!new.contains(gone), "{gone}: {new}");
    }
    assert!(read(path, "migration-1-to-2.log").contains("Moved 'ban' to 'blocklist'."));
    assert!(!loaded.registry.states[&Entity::Device(RELAY)].contains_key("update"));
    // A second start finds nothing to do.
    let before = contents(path);
    let again = open(path).unwrap();
    assert_eq!(again.warnings, []);
    assert_eq!(contents(path), before);
    assert_eq!(again.settings, loaded.settings);
}

#[test]
fn a_fresh_directory_gets_a_small_file_with_its_own_network() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    let loaded = open(&path).unwrap();
    assert!(loaded.is_new);
    assert!(!loaded.settings.advanced().enable_external_js);
    let network = loaded.settings.network();
    assert!((1..=65_533).contains(&network.pan_id.0));
    let text = read(&path, "configuration.yaml");
    assert!(text.starts_with("version: 5\nmqtt:\n  base_topic: zigbee2mqtt\n"));
    assert!(!text.contains("GENERATE"));
    let again = open(&path).unwrap();
    assert_eq!(again.settings.network(), network);
    let other = tempfile::tempdir().unwrap();
    let other = open(other.path()).unwrap();
    assert_ne!(other.settings.network().network_key, network.network_key);
}

#[test]
fn a_mistake_is_told_with_file_line_key_value_and_fix() {
    let directory = with_configuration(
        "version: 5\nmqtt:\n  server: mqtt://localhost\nadvanced:\n  channel: 27\n  network_key: [1, 2]\n  log_level: loud\nhomeassistant:\n  enabled: on\n",
    );
    let found: Vec<_> = problems(open(directory.path()))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "configuration.yaml, line 5: advanced.channel must be <= 26 (it is 27). Write a whole number from 11 to 26, for example 15",
            "configuration.yaml, line 6: advanced.network_key must NOT have fewer than 16 items. Write a list of 16 numbers from 0 to 255 or GENERATE",
            "configuration.yaml, line 7: advanced.log_level must be equal to one of the allowed values (it is \"loud\"). Write one of error, warning, info, debug, for example \"info\"",
            "configuration.yaml, line 9: homeassistant.enabled must be boolean (it is \"on\"). Write true or false, for example false",
        ]
    );
}

#[test]
fn a_key_that_is_nearly_a_setting_is_told_and_others_are_kept_in_silence() {
    let directory = with_configuration(
        "version: 5\nserial: {prot: /dev/ttyX}\nadvanced: {log_levle: info}\n\
         somebody: {else: 1}\nmqtt: {server: 'mqtt://localhost', x_of_mine: 2}\n",
    );
    let loaded = open(directory.path()).unwrap();
    let texts: Vec<_> = loaded
        .warnings
        .iter()
        .map(|one| one.text.as_str())
        .collect();
    assert_eq!(
        texts,
        [
            "advanced.log_levle is no setting and is ignored; did you mean 'log_level'?",
            "serial.prot is no setting and is ignored; did you mean 'port'?",
        ]
    );
}

#[test]
fn mistakes_in_other_places_name_these() {
    let directory = example("split");
    let path = directory.path();
    fs::write(
        path.join("devices.yaml"),
        "'0x00158d0001234567':\n  friendly_name: a/1\n",
    )
    .unwrap();
    let found = problems(open(path));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].file, "devices.yaml");
    assert_eq!(found[0].line, Some(2));
    assert_eq!(found[0].key, "devices.0x00158d0001234567.friendly_name");

    fs::remove_file(path.join("secret.yml")).unwrap();
    let found = problems(open(path));
    assert_eq!(
        found[0].to_string(),
        "configuration.yaml, line 7: advanced.network_key refers to the file secret.yml, which is not there. Create secret.yml with a line `network_key: ...` in it"
    );

    let options = OpenOptions {
        environment: BTreeMap::from([(
            "ZIGBEE2MQTT_CONFIG_ADVANCED_CHANNEL".to_owned(),
            "99".to_owned(),
        )]),
        read_only: true,
    };
    let found = problems(DataDirectory::open_with(
        example("current").path(),
        &options,
    ));
    assert_eq!(
        found[0].to_string(),
        "environment: ZIGBEE2MQTT_CONFIG_ADVANCED_CHANNEL must be <= 26 (it is 99). Write a whole number from 11 to 26, for example 15"
    );
}

#[test]
fn pitfalls_of_yaml_are_told_with_their_line() {
    for (text, line, part) in [
        ("mqtt:\n\tserver: x\n", 2, "tabs"),
        ("mqtt:\n  server: a\n  server: b\n", 3, "twice"),
        ("mqtt:\n  server: a\nmqtt:\n  user: b\n", 3, "twice"),
        ("mqtt:\n  server: !secret hunter2\n", 2, "quotes"),
        ("mqtt: {server: a\n", 2, "YAML"),
        ("a: 1\n---\nb: 2\n", 2, "more than one"),
        ("- a\n- b\n", 1, "block of keys"),
        ("", 1, "block of keys"),
        ("version: 6\nmqtt:\n  server: a\n", 1, "from 1 to 5"),
        ("version: 5\n", 1, "required property 'mqtt'"),
    ] {
        let directory = with_configuration(text);
        let found = problems(open(directory.path()));
        assert_eq!(found[0].line, Some(line), "{text}: {found:?}");
        let message = found[0].to_string();
        assert!(message.contains(part), "{text}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert_eq!(read(directory.path(), "configuration.yaml"), text);
    }
    let deep = format!("a: {}", "[".repeat(10_000));
    assert_eq!(problems(open(with_configuration(&deep).path())).len(), 1);
    let deep = format!("a: {}", "[".repeat(100));
    assert!(
        problems(open(with_configuration(&deep).path()))[0]
            .rule
            .contains("nested")
    );
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{below}]").unwrap();
    }
    assert!(
        problems(open(with_configuration(&bomb).path()))[0]
            .rule
            .contains("more than")
    );
}

#[test]
fn anchors_mean_what_they_stand_for() {
    let directory = with_configuration(
        "version: 5\nmqtt: {server: 'mqtt://a'}\nx-defaults: &d\n  retain: true\n  qos: 1\ndevices:\n  0x00158d0001234567: # no quotes\n    <<: *d\n    qos: 2\n    friendly_name: on\n",
    );
    let loaded = open(directory.path()).unwrap();
    assert_eq!(
        Json::Object((*loaded.settings.options(Entity::Device(RELAY))).clone()),
        json!({"friendly_name": "on", "qos": 2, "retain": true})
    );
    // A change beside the anchor leaves it alone.
    let mut loaded = loaded;
    let mut settings = loaded.settings.clone();
    settings.rename(Entity::Device(RELAY), "off").unwrap();
    loaded
        .directory
        .save(&Save::Settings(Box::new(settings)))
        .unwrap();
    assert!(read(directory.path(), "configuration.yaml").contains(
        "  0x00158d0001234567: # no quotes\n    <<: *d\n    qos: 2\n    friendly_name: 'off'\n"
    ));
}

#[test]
fn debug_in_the_environment_is_the_level_where_the_configuration_has_none() {
    use bridge::data::LogLevel;
    for (debug, configured, level) in [
        ("", "", LogLevel::Info),
        ("1", "", LogLevel::Debug),
        ("1", "  log_level: warning\n", LogLevel::Warning),
    ] {
        let directory = with_configuration(&format!(
            "version: 5\nmqtt:\n  server: mqtt://h\nadvanced:\n  channel: 15\n{configured}"
        ));
        let options = OpenOptions {
            environment: BTreeMap::from([("DEBUG".to_owned(), debug.to_owned())]),
            read_only: false,
        };
        let mut loaded = DataDirectory::open_with(directory.path(), &options).unwrap();
        assert_eq!(loaded.settings.advanced().log_level, level);
        let change = json!({"advanced": {"cache_state": false}});
        loaded.settings.change(change.as_object().unwrap()).unwrap();
        assert_eq!(loaded.settings.advanced().log_level, level);
        let text = read(directory.path(), "configuration.yaml");
        assert_eq!(text.contains("log_level"), !configured.is_empty(), "{text}");
    }
}

#[test]
fn the_environment_overrides_and_is_written() {
    let directory = example("split");
    let set = |pairs: &[(&str, &str)]| OpenOptions {
        environment: pairs
            .iter()
            .map(|(name, value)| (format!("ZIGBEE2MQTT_CONFIG_{name}"), (*value).to_owned()))
            .collect(),
        read_only: false,
    };
    let loaded = DataDirectory::open_with(
        directory.path(),
        &set(&[
            ("MQTT_PASSWORD", "from outside"),
            ("MQTT_BASE_TOPIC", "z"),
            ("ADVANCED_CHANNEL", "20"),
            ("ADVANCED_LOG_SYSLOG_TYPE", "BSD"),
            ("AVAILABILITY_ACTIVE_TIMEOUT", "5.5"),
            ("FRONTEND_ENABLED", "TRUE"),
            ("PASSLIST", "[\"0x00158d0001234567\"]"),
            ("GROUPS", "more-groups.yaml"),
            ("SERIAL_PORT", ""),
            ("MQTT_SERVR", "typo"),
        ]),
    )
    .unwrap();
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].text.contains("MQTT_SERVR"));
    let settings = &loaded.settings;
    assert_eq!(settings.network().channel, 20);
    assert!((settings.availability().active.timeout - 5.5).abs() < 1e-9);
    assert!(settings.frontend().enabled);
    assert_eq!(settings.passlist(), [RELAY]);
    assert_eq!(settings.groups().count(), 1);
    let text = read(directory.path(), "configuration.yaml");
    assert!(
        text.contains("password: '!secret mqtt_password'  # kept elsewhere"),
        "{text}"
    );
    assert!(text.contains("base_topic: z\n"), "{text}");
    assert!(text.contains("groups: more-groups.yaml"), "{text}");
    assert!(read(directory.path(), "secret.yaml").contains("mqtt_password: from outside"));
}

#[test]
fn damaged_files_are_set_aside() {
    let directory = example("current");
    let path = directory.path();
    let mut database = read(path, "database.db").into_bytes();
    database.extend_from_slice(b"\n{\"id\":11,\"type\":\"Rou\n\xff\xfe\n{\"type\":\"Router\"}\n{\"id\":2,\"type\":\"Group\",\"groupID\":5,\"members\":[],\"meta\":{}}");
    fs::write(path.join("database.db"), &database).unwrap();
    fs::write(path.join("state.json"), "{\"0x00158d00").unwrap();
    fs::write(
        path.join("coordinator_backup.json"),
        "{\"adapterType\":\"zStack\",\"data\":{}}",
    )
    .unwrap();
    let mut loaded = open(path).unwrap();
    assert_eq!(loaded.registry.devices.len(), 5);
    assert!(loaded.registry.states.is_empty());
    assert_eq!(loaded.backup, None);
    assert!(!loaded.is_new);
    assert_eq!(
        fs::read(path.join("database.db.damaged-1")).unwrap(),
        database
    );
    assert_eq!(read(path, "state.json.damaged-1"), "{\"0x00158d00");
    assert!(path.join("coordinator_backup.json.damaged-1").exists());
    assert!(!path.join("state.json").exists());
    assert_eq!(loaded.warnings.len(), 7, "{:#?}", loaded.warnings);
    let image = DatabaseImage::new(&loaded.registry.devices, &loaded.registry.groups);
    loaded.directory.save(&Save::Database(image)).unwrap();
    assert!(read(path, "database.db").contains("from the future"));
    // A directory whose database was lost is not a new one.
    fs::remove_file(path.join("database.db")).unwrap();
    assert!(!open(path).unwrap().is_new);
}

#[test]
fn reading_only_writes_nothing() {
    let directory = example("first");
    fs::write(directory.path().join("state.json"), "damaged").unwrap();
    let before = contents(directory.path());
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let mut loaded = DataDirectory::open_with(directory.path(), &options).unwrap();
    loaded.directory.save(&Save::Backup(json!({}))).unwrap();
    assert_eq!(contents(directory.path()), before);
}

#[test]
fn a_symbolic_link_stays_one() {
    let directory = example("current");
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("real.yaml");
    let link = directory.path().join("configuration.yaml");
    fs::rename(&link, &target).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    open(directory.path()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(
        fs::read_to_string(&target)
            .unwrap()
            .contains("0x00158d0003456789")
    );
}

#[test]
fn secrets_are_not_shown() {
    let directory = example("split");
    let loaded = open(directory.path()).unwrap();
    let settings: &Settings = &loaded.settings;
    let shown = format!("{settings:?} {:?}", Json::Object(settings.effective()));
    let shown = format!("{shown} {loaded:?} {:?}", Save::Backup(json!("hunter2")));
    for secret in ["hunter2", "letmein", "21, 22"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[test]
fn comments_that_can_not_stay_are_kept_beside() {
    let text = "# ours\nversion: 5\nmqtt: {server: 'mqtt://a'}\ndevices:\n  '0x00158d0001234567': &d {friendly_name: a}\nx-copy: *d\n";
    let directory = with_configuration(text);
    let mut loaded = open(directory.path()).unwrap();
    let mut settings = loaded.settings.clone();
    settings.rename(Entity::Device(RELAY), "b").unwrap();
    let saved = loaded
        .directory
        .save(&Save::Settings(Box::new(settings)))
        .unwrap();
    assert_eq!(saved.warnings.len(), 1);
    assert_eq!(
        read(directory.path(), "configuration.yaml.with-comments-1"),
        text
    );
    assert_eq!(
        read(directory.path(), "configuration.yaml"),
        "version: 5\nmqtt:\n  server: mqtt://a\ndevices:\n  '0x00158d0001234567':\n    friendly_name: b\nx-copy:\n  friendly_name: a\n"
    );
}

#[test]
fn a_broker_that_cannot_be_reached_as_written_is_a_mistake_with_its_place() {
    let found = |text: &str| -> Vec<String> {
        let directory = with_configuration(&format!("version: 5\nmqtt:\n{text}"));
        problems(open(directory.path()))
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    for (server, rule) in [
        (
            "http://h",
            "must begin with mqtt://, mqtts://, ws:// or wss://; 'http://' is not supported (it is \"http://h\")",
        ),
        ("me:hush@h", "is not an address (it is \"h\")"),
        (
            "mqtt://me:hush@h:x",
            "must have a port from 1 to 65535 (it is \"mqtt://h:x\")",
        ),
        (
            "mqtt://me:hu/sh@h",
            "must have a port from 1 to 65535 (it is \"mqtt://h\")",
        ),
    ] {
        assert_eq!(
            found(&format!("  server: {server}\n")),
            [format!(
                "configuration.yaml, line 3: mqtt.server {rule}. Write mqtt://host:1883, or mqtts://host:8883 for TLS"
            )]
        );
    }
    assert_eq!(
        found("  server: mqtts://h\n  cert: /c.pem\n"),
        [
            "configuration.yaml, line 4: mqtt.cert needs mqtt.key too (it is \"/c.pem\"). Add mqtt.key, or remove mqtt.cert"
        ]
    );
}

#[test]
fn certificate_files_are_read_at_start() {
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        fs::write(files.path().join(name), content).unwrap();
        files.path().join(name).to_str().unwrap().to_owned()
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["h".to_owned()]).unwrap();
    let good = file("good.pem", &params.self_signed(&key).unwrap().pem());
    let good_key = file("good.key", &key.serialize_pem());
    let other_key = file(
        "other.key",
        &rcgen::KeyPair::generate().unwrap().serialize_pem(),
    );
    let text = file("text.pem", "no certificate at all");
    let missing = files.path().join("missing").to_str().unwrap().to_owned();
    let configuration = |scheme: &str, ca: &str, cert: &str, key: &str| {
        with_configuration(&format!(
            "version: 5\nmqtt:\n  server: {scheme}://h\n  ca: {ca}\n  cert: {cert}\n  key: {key}\n"
        ))
    };
    for (ca, cert, key, wrong) in [
        (
            &missing,
            &good,
            &good_key,
            "line 4: mqtt.ca can't be read: ",
        ),
        (
            &text,
            &good,
            &good_key,
            "line 4: mqtt.ca must be a file of PEM certificates",
        ),
        (
            &good,
            &good_key,
            &good_key,
            "line 5: mqtt.cert must be a file of PEM certificates",
        ),
        (
            &good,
            &good,
            &good,
            "line 6: mqtt.key must be a file with a PEM key",
        ),
        (
            &good,
            &good,
            &other_key,
            "line 6: mqtt.key does not go with mqtt.cert",
        ),
    ] {
        let directory = configuration("mqtts", ca, cert, key);
        let found = problems(open(directory.path()));
        assert_eq!(found.len(), 1, "{found:?}");
        let line = found[0].to_string();
        assert!(line.contains(wrong) && line.contains("(it is "), "{line}");
        // Without TLS they are not used.
        let directory = configuration("mqtt", ca, cert, key);
        assert!(open(directory.path()).is_ok());
    }
    let directory = configuration("mqtts", &good, &good, &good_key);
    assert!(open(directory.path()).is_ok());
}

#[test]
fn durable_rows_are_kept_in_a_file_that_is_begun_with_the_first() {
    let value = |value: &str| {
        vec![DurableChange::PutValue {
            owner: "hall.py".to_owned(),
            key: "k".to_owned(),
            value: value.to_owned(),
        }]
    };
    let kept = |value: &str| {
        let values = [("k".to_owned(), value.to_owned())].into();
        DurableRows {
            timers: Vec::new(),
            values: [("hall.py".to_owned(), values)].into(),
        }
    };
    let directory = example("current");
    let path = directory.path();
    let file = path.join("ferrobee.db");
    let mut loaded = open(path).unwrap();
    assert_eq!(loaded.registry.durable, DurableRows::default());
    assert!(!file.exists());
    assert_eq!(loaded.directory.durable_copy().unwrap(), None);
    loaded.directory.save(&Save::Durable(value("1"))).unwrap();
    loaded.directory.save(&Save::Durable(value("2"))).unwrap();
    // A copy for an archive is one that another directory can be begun with.
    let (name, copy) = loaded.directory.durable_copy().unwrap().unwrap();
    let restored = example("current");
    fs::write(restored.path().join(name), copy).unwrap();
    assert_eq!(open(restored.path()).unwrap().registry.durable, kept("2"));
    // Another process that runs on it, too, would tell every timer a second time.
    let error = open(path).unwrap_err();
    assert!(error.to_string().contains("another process uses it"));
    drop(loaded);
    assert_eq!(open(path).unwrap().registry.durable, kept("2"));
}

#[test]
fn durable_rows_that_can_not_be_written_are_written_when_they_can() {
    let directory = example("current");
    let file = directory.path().join("ferrobee.db");
    let mut loaded = open(directory.path()).unwrap();
    fs::create_dir(&file).unwrap();
    let put = |key: &str| {
        Save::Durable(vec![DurableChange::PutValue {
            owner: "hall.py".to_owned(),
            key: key.to_owned(),
            value: "1".to_owned(),
        }])
    };
    assert!(loaded.directory.save(&put("a")).is_err());
    assert!(loaded.directory.save_rest().is_err());
    fs::remove_dir(&file).unwrap();
    loaded.directory.save(&put("b")).unwrap();
    drop(loaded);
    let rows = open(directory.path()).unwrap().registry.durable;
    assert_eq!(rows.values["hall.py"].len(), 2);
}
