use super::*;
use crate::host::Local;
use crate::rollout::colour::Colour;
use crate::rollout::record::{Change, Launch, Warm};
use crate::rollout::world::SystemClock;
use crate::testing::TempDir;

fn entry(release: &str) -> Entry {
    Entry {
        at: SystemTime::UNIX_EPOCH,
        change: Change::Deployed,
        launch: Launch { release: release.into(), settings: [("a.b".into(), "1".into())].into() },
        colour: Colour::Green,
        warm: Some(Warm {
            launch: Launch { release: "v0".into(), settings: Default::default() },
            until: SystemTime::UNIX_EPOCH + Duration::from_secs(60),
        }),
        reason: None,
        by: "someone@somewhere".into(),
    }
}

#[test]
fn a_torn_line_spoils_none_but_itself() {
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    let ledger = FileLedger::new(&host, "development");
    ledger.lock("test", Duration::ZERO, &SystemClock::start()).unwrap();
    ledger.record(&entry("v1")).unwrap();
    host.append(HISTORY, "\n{\"at\":\"1970-01-").unwrap();
    ledger.record(&entry("v2")).unwrap();
    assert_eq!(ledger.history().unwrap(), [entry("v1"), entry("v2")]);
}

#[test]
fn a_second_deployer_is_refused_by_the_name_of_the_first_until_it_ends() {
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    let first = FileLedger::new(&host, "development");
    first.lock("deploy v1", Duration::ZERO, &SystemClock::start()).unwrap();
    let second = FileLedger::new(&host, "development");
    let refusal = second.lock("deploy v2", Duration::ZERO, &SystemClock::start()).unwrap_err().to_string();
    assert!(refusal.contains("deploy v1") && refusal.contains("--wait"), "{refusal}");
    assert_eq!(second.holder().unwrap().unwrap().command, "deploy v1");
    drop(first);
    assert_eq!(second.holder().unwrap(), None);
    second.lock("deploy v2", Duration::ZERO, &SystemClock::start()).unwrap();
}

/// A clock by which whoever holds a lock ends after some seconds.
struct Ending<'a>(Mutex<(Duration, Option<FileLedger<'a>>)>);

impl Clock for Ending<'_> {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn sleep(&self, span: Duration) {
        let (elapsed, held) = &mut *self.0.lock().unwrap();
        *elapsed += span;
        held.take_if(|_| *elapsed > Duration::from_secs(5));
    }
}

#[test]
fn whoever_only_tells_of_what_was_done_is_waited_for() {
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    for (winds_up, is_waited_for) in [(true, true), (false, false)] {
        let first = FileLedger::new(&host, "development");
        first.lock("deploy v1", Duration::ZERO, &SystemClock::start()).unwrap();
        if winds_up {
            first.wind_up();
        }
        let clock = Ending(Mutex::new((Duration::ZERO, Some(first))));
        let second = FileLedger::new(&host, "development").lock("rollback", Duration::ZERO, &clock);
        assert_eq!(second.is_ok(), is_waited_for);
    }
}

#[test]
fn who_was_told_is_kept_beside_the_history_and_a_torn_line_spoils_none_but_itself() {
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    let ledger = FileLedger::new(&host, "development");
    let told = |channel: &str, error: Option<&str>| Notification {
        at: SystemTime::UNIX_EPOCH,
        event: crate::delivery::Occasion::Failure,
        test: false,
        release: Some("v1".into()),
        channel: channel.into(),
        host: "chat.example".into(),
        delivered: error.is_none(),
        status: None,
        attempts: 3,
        millis: 12,
        error: error.map(str::to_owned),
    };
    assert!(ledger.record_notification(&told("chat", None)).is_err());
    ledger.lock("test", Duration::ZERO, &SystemClock::start()).unwrap();
    ledger.record_notification(&told("chat", None)).unwrap();
    host.append("notifications.jsonl", "\n{\"at\":\"1970-01-").unwrap();
    ledger.record_notification(&told("hook", Some("HTTP 404"))).unwrap();
    assert_eq!(ledger.notifications().unwrap(), [told("chat", None), told("hook", Some("HTTP 404"))]);
    assert_eq!(ledger.history().unwrap(), []);
}

#[test]
fn a_rollout_without_an_end_is_seen_by_the_next_deployer() {
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    let at = SystemTime::UNIX_EPOCH;
    let ledger = FileLedger::new(&host, "development");
    assert!(!ledger.lock("one", Duration::ZERO, &SystemClock::start()).unwrap());
    ledger.journal(at, &Event::Warning { text: "half-way".into() }).unwrap();
    drop(ledger);
    let ledger = FileLedger::new(&host, "development");
    assert!(ledger.lock("two", Duration::ZERO, &SystemClock::start()).unwrap());
    ledger.journal(at, &Event::Ended { reached: true, active: None }).unwrap();
    drop(ledger);
    assert!(!FileLedger::new(&host, "development").lock("three", Duration::ZERO, &SystemClock::start()).unwrap());
}

#[test]
fn a_request_reaches_the_deployer_at_work_and_no_later_one() {
    use crate::rollout::request::Wish;
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    let deployer = FileLedger::new(&host, "development");
    let other = FileLedger::new(&host, "development");
    assert_eq!(other.post(Wish::Abort).unwrap(), Posted::NobodyThere);
    deployer.lock("deploy v1", Duration::ZERO, &SystemClock::start()).unwrap();
    std::thread::scope(|scope| {
        let posted = scope.spawn(|| other.post(Wish::Pause).unwrap());
        let request = loop {
            if let Some(request) = deployer.take_request().unwrap() {
                break request;
            }
        };
        assert_eq!(request.wish, Wish::Pause);
        let Posted::Taken(Some(owner)) = posted.join().unwrap() else { panic!("it was not taken") };
        assert_eq!(owner.command, "deploy v1");
    });
    host.replace("mailbox/1-1.json", "{\"wish\":\"abort\"").unwrap();
    host.replace("mailbox/2-1.json", "{\"wish\":\"abort\",\"by\":\"x\",\"at\":\"1970-01-01T00:00:00Z\"}").unwrap();
    drop(deployer);
    let next = FileLedger::new(&host, "development");
    next.lock("deploy v2", Duration::ZERO, &SystemClock::start()).unwrap();
    assert_eq!(next.take_request().unwrap(), None);
    assert_eq!(host.list("mailbox").unwrap(), [""; 0]);
}

#[test]
fn a_request_that_the_next_deployer_throws_away_has_found_nobody() {
    use crate::rollout::request::Wish;
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    let first = FileLedger::new(&host, "development");
    let second = FileLedger::new(&host, "development");
    let other = FileLedger::new(&host, "development");
    first.lock("deploy v1", Duration::ZERO, &SystemClock::start()).unwrap();
    std::thread::scope(|scope| {
        let posted = scope.spawn(|| other.post(Wish::Abort).unwrap());
        while !host.list("mailbox").unwrap().iter().any(|name| name.ends_with(".json")) {
            std::thread::yield_now();
        }
        // Long before the sender looks again.
        drop(first);
        second.lock("deploy v2", Duration::ZERO, &SystemClock::start()).unwrap();
        assert_eq!(posted.join().unwrap(), Posted::NobodyThere);
    });
    assert_eq!(second.take_request().unwrap(), None);
}

#[test]
fn nothing_is_written_without_the_lock() {
    let dir = TempDir::new();
    let host = Local::new(dir.path());
    let ledger = FileLedger::new(&host, "development");
    assert!(ledger.record(&entry("v1")).is_err());
    assert!(ledger.journal(SystemTime::UNIX_EPOCH, &Event::Warning { text: String::new() }).is_err());
}
