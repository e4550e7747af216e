//! Those who tell: a thread for each channel, so that none waits for another, and nothing waits for any of them until it
//! says so. A channel is told of one thing after the other, in the order in which they happened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use super::channel::{Closed, Open, untold};
use super::message::Message;
use crate::delivery::Channel;
use crate::ledger::Notification;
use crate::rollout::world::{Clock as _, SystemClock};
use crate::time;

/// How often it is looked whether somebody wants the waiting to end.
const TICK: Duration = Duration::from_millis(50);
/// How long after its deadline a thread may still say why it was not met.
const GRACE: Duration = Duration::from_millis(200);

/// All of them.
pub(super) struct Crew {
    clock: SystemClock,
    tellers: Vec<Teller>,
    ordered: u64,
    awaited: BTreeMap<u64, Awaited>,
    answers: Receiver<(u64, Notification)>,
    /// Held, so that the receiver waits though nobody is left to answer.
    _answer: Sender<(u64, Notification)>,
}

/// One of them.
struct Teller {
    channel: Channel,
    host: String,
    orders: Sender<Order>,
}

/// What one is to do.
struct Order {
    number: u64,
    message: Message,
    deadline: Duration,
}

/// What was ordered and is not done.
struct Awaited {
    since: Duration,
    deadline: Duration,
    /// What is so if it never is.
    untold: Notification,
}

impl Crew {
    /// Opens channels; and says which cannot be told, and why.
    pub(super) fn open<'a>(channels: impl IntoIterator<Item = &'a Channel>, root: &Path) -> (Crew, Vec<String>) {
        let (clock, mut left_out, mut tellers) = (SystemClock::start(), Vec::new(), Vec::new());
        let (answer, answers) = mpsc::channel();
        for channel in channels {
            match Open::new(channel, root) {
                Ok(open) => match begin(channel, open, clock, answer.clone()) {
                    Ok(teller) => tellers.push(teller),
                    Err(error) => left_out.push(format!("{} is not told of anything: {error}", channel.name())),
                },
                Err(Closed::Missing(why)) => {
                    left_out.push(format!("{} is not told of anything: {why}", channel.name()));
                }
                Err(Closed::NotHere) => {}
            }
        }
        let crew = Crew { clock, tellers, ordered: 0, awaited: BTreeMap::new(), answers, _answer: answer };
        (crew, left_out)
    }

    /// Has those channels told of it that it concerns, and does not wait.
    pub(super) fn tell(&mut self, message: &Message, concerns: impl Fn(&Channel) -> bool) {
        for Teller { channel, host, orders } in self.tellers.iter().filter(|teller| concerns(&teller.channel)) {
            self.ordered += 1;
            let since = self.clock.elapsed();
            let deadline = since + **channel.timeout.get_ref();
            let order = Order { number: self.ordered, message: message.clone(), deadline };
            let untold = untold(channel.name(), host, message);
            self.awaited.insert(order.number, Awaited { since, deadline, untold });
            // One that has ended has said nothing, and is not waited for beyond the deadline.
            let _ = orders.send(order);
        }
    }

    /// Whether anything is still to be told.
    pub(super) fn is_busy(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// What has become known since it was last asked.
    pub(super) fn news(&mut self) -> Vec<Notification> {
        let news: Vec<_> = self.answers.try_iter().collect();
        news.into_iter().filter_map(|(number, told)| self.awaited.remove(&number).map(|_| told)).collect()
    }

    /// Waits until all is told, or its time is up, or somebody wants the waiting to end; then what became of the rest.
    pub(super) fn wait(&mut self, is_cancelled: impl Fn() -> bool) -> Vec<Notification> {
        let mut all = Vec::new();
        while self.is_busy() {
            if let Ok((number, told)) = self.answers.recv_timeout(TICK) {
                all.extend(self.awaited.remove(&number).map(|_| told));
            }
            if is_cancelled() {
                all.extend(self.give_up("nobody waited for it", |_| true));
            }
            let now = self.clock.elapsed();
            all.extend(self.give_up("it had not answered by then", |awaited| now >= awaited.deadline + GRACE));
        }
        all
    }

    fn give_up(&mut self, why: &str, is_over: impl Fn(&Awaited) -> bool) -> Vec<Notification> {
        let now = self.clock.elapsed();
        let over = self.awaited.extract_if(.., |_, awaited| is_over(awaited));
        let given_up = over.map(|(_, Awaited { since, untold, .. })| {
            let millis = time::millis(now.saturating_sub(since));
            Notification { millis, error: Some(why.to_owned()), ..untold }
        });
        given_up.collect()
    }
}

/// Starts the thread that tells one channel. It ends with the process, whatever it is waiting for.
fn begin(
    channel: &Channel,
    mut open: Open,
    clock: SystemClock,
    answer: Sender<(u64, Notification)>,
) -> std::io::Result<Teller> {
    let (orders, ordered) = mpsc::channel::<Order>();
    let host = open.host.clone();
    thread::Builder::new().name("notify".into()).spawn(move || {
        for Order { number, message, deadline } in ordered {
            // Nobody may be waiting for it any more.
            let _ = answer.send((number, open.tell(&message, &clock, deadline)));
        }
    })?;
    Ok(Teller { channel: channel.clone(), host, orders })
}
