//! Who was told is on record where the environment is.

use crate::support::receiver::{OK, Receiver};
use crate::support::{Fixture, On, Ran, containers_are_here, docker, service};

#[test]
fn who_was_told_is_written_down_on_the_engine_s_host() {
    if !containers_are_here() {
        return;
    }
    let fixture = Fixture::new(On::Compose);
    let receiver = Receiver::start(&[OK]);
    let channel =
        format!("[[notifications]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://{}\"\n", receiver.address);
    fixture.write("config/delivery.toml", &format!("{}\n{channel}", fixture.read("config/delivery.toml")));
    let xtask = |args: &[&str]| Ran::from(fixture.xtask(args).env("no_proxy", "127.0.0.1").output().unwrap()).ok();
    xtask(&["up", "--release", "v1", "--binary", service().to_str().unwrap()]);
    xtask(&["notify", "rollback", "--release", "v0"]);
    assert_eq!(receiver.events(), ["start", "success", "rollback"]);
    let told = xtask(&["history", "--notifications"]).stdout;
    assert_eq!(told.matches("told      HTTP 200, 1 attempt").count(), 3, "{told}");
    let volume = format!("{}-ledger", fixture.stack("development"));
    assert!(docker(&["volume", "inspect", &volume]).is_some());
    fixture.in_ledger("test \"$(grep -c hook notifications.jsonl)\" = 3");
}
