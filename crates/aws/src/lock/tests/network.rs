//! The way to Parameter Store, on which everything goes wrong that can.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use tokio::{sync::oneshot, time::sleep};

use super::{
    dice::Dice,
    store::{BEHIND, Store},
    world::World,
};
use crate::lock::{Creation, Epoch, Epochs, Record};

/// How late a request may arrive that everybody has given up on.
const LATE: std::ops::Range<u64> = 5_000..150_000;

/// One run's way to the store.
#[derive(Clone, Debug)]
pub(super) struct Network {
    store: Arc<Store>,
    world: Arc<World>,
    /// How many calls in a hundred fail; nothing for a run to which nothing happens.
    faults: Option<u64>,
    dice: Arc<Mutex<Dice>>,
}

/// What becomes of a write.
enum Fate {
    Answered,
    AnswerLost,
    Lost,
    /// It arrives after its sender has given up.
    Late(Duration),
}

impl Network {
    pub(super) fn new(store: Arc<Store>, world: Arc<World>, faults: Option<u64>, dice: Dice) -> Self {
        Self { store, world, faults, dice: Arc::new(Mutex::new(dice)) }
    }

    fn throw<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut self.dice.lock().unwrap())
    }

    fn tell(&self) {
        if self.faults.is_some() {
            self.world.sign_of_life();
        }
    }

    /// A write takes effect even if its sender dies.
    async fn write<T: Send + 'static>(&self, effect: impl FnOnce(&Store) -> T + Send + 'static) -> Result<T> {
        let (fate, there, back, patience) = self.throw(|dice| {
            let at_once = dice.percent(60);
            let fate = match dice.below(100) {
                throw if throw >= self.faults.unwrap_or(0) => Fate::Answered,
                throw if throw % 3 == 0 => Fate::AnswerLost,
                throw if throw % 3 == 1 => Fate::Lost,
                _ => Fate::Late(dice.millis(LATE)),
            };
            let there = if at_once { Duration::ZERO } else { dice.millis(5..200) };
            (fate, there, dice.millis(5..100), dice.millis(1_000..30_000))
        });
        if matches!(fate, Fate::Answered) && there.is_zero() {
            let result = effect(&self.store);
            self.tell();
            sleep(back).await;
            return Ok(result);
        }
        let (arrives, answers) = match fate {
            Fate::Answered => (Some(there), true),
            Fate::AnswerLost => (Some(there), false),
            Fate::Lost => (None, false),
            Fate::Late(after) => (Some(after), false),
        };
        let (answer, answered) = oneshot::channel();
        if let Some(arrives) = arrives {
            let way = self.clone();
            tokio::spawn(async move {
                sleep(arrives).await;
                let result = effect(&way.store);
                way.tell();
                let _ = answer.send(result);
            });
        }
        if answers && let Ok(result) = answered.await {
            sleep(back).await;
            return Ok(result);
        }
        sleep(patience).await;
        Err(no_answer())
    }
}

fn no_answer() -> Failure {
    Failure::new(FailureKind::Unavailable, "no answer")
}

#[async_trait]
impl Epochs for Network {
    async fn list(&self) -> Result<Vec<Epoch>> {
        let (fails, at_once, takes, behind) = self.throw(|dice| {
            let behind =
                if dice.percent(50) { Duration::ZERO } else { dice.millis(0..BEHIND.as_millis() as u64) };
            let takes = if dice.percent(80) { Duration::ZERO } else { dice.millis(10..300) };
            (dice.percent(self.faults.unwrap_or(0)), dice.percent(50), takes, behind)
        });
        if fails {
            sleep(self.throw(|dice| dice.millis(1_000..30_000))).await;
            return Err(no_answer());
        }
        // What is read when a call is sent, or when its answer arrives: everything else lies in between.
        if takes.is_zero() || at_once {
            let chain = self.store.list(behind);
            if !takes.is_zero() {
                sleep(takes).await;
            }
            return Ok(chain);
        }
        sleep(takes).await;
        Ok(self.store.list(behind))
    }

    async fn create(&self, number: u64, record: &Record) -> Result<Creation> {
        let record = record.clone();
        self.write(move |store| store.create(number, &record)).await
    }

    async fn put(&self, number: u64, record: &Record, _: u64) -> Result<()> {
        let record = record.clone();
        self.write(move |store| store.put(number, &record)).await
    }

    async fn remove(&self, numbers: &[u64]) -> Result<()> {
        let numbers = numbers.to_vec();
        self.write(move |store| store.remove(&numbers)).await
    }
}
