//! Working off what became due.

use crate::{Cloud, Due, World, autoscaling, ecs};

impl Cloud {
    /// Lets everything happen that is due by now, in order; says whether anything did.
    pub(super) fn catch_up(&self, world: &mut World) -> bool {
        let now = self.now();
        let mut happened = false;
        while let Some((at, due)) = world.agenda.pop(now) {
            happened = true;
            world.now = world.now.max(at);
            match due {
                Due::Ecs(due) => {
                    if let Some(errand) = ecs::happen(world, at, due) {
                        tokio::spawn(self.clone().send(errand));
                    }
                }
                Due::AutoScaling(due) => autoscaling::run(world, at, due),
                Due::SecretDeletion { arn } => world.secrets.purge(&arn, at),
                Due::KeyDeletion { arn } => world.kms.purge(&arn, at),
            }
        }
        world.now = world.now.max(now);
        happened
    }

    /// Runs an errand while the world goes on, and tells it the outcome.
    async fn send(self, errand: ecs::Errand) {
        let outcome = errand.run().await;
        let mut world = self.shared.world.lock().await;
        self.catch_up(&mut world);
        let now = world.now;
        ecs::errand_done(&mut world, now, errand, outcome);
        self.keep(&world);
    }
}
