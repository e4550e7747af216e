//! Tells of what a verb does to an environment, while it does it.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use super::crew::Crew;
use super::message::Message;
use super::subject::Subject;
use super::summary;
use crate::delivery::{Channel, Occasion};
use crate::github;
use crate::ledger::{FileLedger, Notification};
use crate::progress::Reader;
use crate::rollout::engine::Outcome;
use crate::rollout::event::Event;
use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;
use crate::rollout::request::Wish;
use crate::rollout::world::{Cancel, Ledger as _};
use crate::say;
use crate::site::Site;

/// Tells of an environment.
pub struct Notifier {
    environment: String,
    url: String,
    root: PathBuf,
    channels: Vec<Channel>,
    reader: Reader,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those who tell, from the first time that there is something to tell.
    crew: Option<Crew>,
    /// Who was not told, for a person to know at the end.
    untold: Vec<Notification>,
    /// Whether a signal had come before the end was told: that one was for the rollout, and not for the waiting.
    was_cancelled: bool,
}

impl Notifier {
    /// Tells those of an environment.
    pub fn new(site: &Site, reader: Reader) -> Notifier {
        let channels = site.delivery().notifications.iter().filter(|channel| channel.is_about(&site.name));
        Notifier {
            environment: site.name.clone(),
            url: site.environment().url(),
            root: site.project.root.clone(),
            channels: channels.cloned().collect(),
            reader,
            state: Mutex::default(),
        }
    }

    /// Tells of a plan that is about to be carried out, and later of its end, to whom that concerns.
    pub fn begin<'a>(&'a self, plan: &Plan, observed: &Observed, ledger: &'a FileLedger<'a>) -> Telling<'a> {
        let subject = Subject::of(plan, observed);
        let telling = Telling { notifier: self, ledger, subject, began: Instant::now(), by_wish: Cell::new(false) };
        telling.tell(|subject| subject.beginning().map(|event| (event, None)), None);
        telling
    }

    fn tell(&self, message: &Message) {
        summary::add(message);
        if self.channels.is_empty() {
            return;
        }
        let mut state = self.lock();
        let crew = state.crew.get_or_insert_with(|| {
            let (crew, left_out) = Crew::open(&self.channels, &self.root);
            left_out.iter().for_each(|line| self.reader.tell(&format!("note: {line}")));
            crew
        });
        crew.tell(message, |channel| channel.hears(message.event));
    }

    /// Waits until everybody was told or their time is up, and writes down who was not. A signal that comes by then ends the
    /// waiting.
    pub fn finish(&self, ledger: &FileLedger<'_>, cancel: &Cancel) {
        let mut state = self.lock();
        let Some(mut crew) = state.crew.take() else { return };
        if crew.is_busy() {
            ledger.wind_up();
        }
        let was_cancelled = state.was_cancelled;
        let rest = crew.wait(|| !was_cancelled && cancel.requested());
        state.keep(rest, ledger);
        for Notification { channel, event, error, .. } in std::mem::take(&mut state.untold) {
            say!("  warning  {channel} was not told of the {}: {}", event.name(), error.unwrap_or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes down who was told. That it cannot be is no reason for anything else to fail.
    fn keep(&mut self, news: Vec<Notification>, ledger: &FileLedger<'_>) {
        for told in news {
            if let Err(error) = ledger.record_notification(&told) {
                say!("  warning  the ledger does not have that {} was told: {error:#}", told.channel);
            }
            self.untold.extend(Some(told).filter(|told| !told.delivered));
        }
    }
}

/// A plan under way, and who is told of it.
pub struct Telling<'a> {
    notifier: &'a Notifier,
    ledger: &'a FileLedger<'a>,
    subject: Option<Subject>,
    began: Instant,
    by_wish: Cell<bool>,
}

impl Telling<'_> {
    /// Takes note of what has happened.
    pub fn hear(&self, event: &Event) {
        if let Event::Requested { request } = event {
            self.by_wish.set(self.by_wish.get() || request.wish == Wish::Abort);
        }
        let mut state = self.notifier.lock();
        let news = state.crew.as_mut().map(Crew::news).unwrap_or_default();
        state.keep(news, self.ledger);
    }

    /// Tells how it ended, and does not wait until everybody has heard it.
    pub fn end(self, outcome: &Outcome, cancel: &Cancel) {
        self.notifier.lock().was_cancelled = cancel.requested();
        let seconds = self.began.elapsed().as_secs_f64();
        self.tell(|subject| Some(subject.end(outcome, self.by_wish.get())), Some(seconds));
    }

    fn tell(&self, what: impl FnOnce(&Subject) -> Option<(Occasion, Option<String>)>, seconds: Option<f64>) {
        let Some(subject) = &self.subject else { return };
        let Some((event, reason)) = what(subject) else { return };
        let Subject { action, release, before, colour } = subject.clone();
        let (environment, url) = (self.notifier.environment.clone(), self.notifier.url.clone());
        let (by, link, test, at) = (self.ledger.author(), github::run(), false, SystemTime::now());
        self.notifier.tell(&Message {
            at,
            event,
            action,
            test,
            environment,
            release,
            before,
            colour,
            by,
            seconds,
            reason,
            url,
            link,
        });
    }
}
