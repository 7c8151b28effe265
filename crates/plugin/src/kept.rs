//! Values that the engine hands from one phase of a step to the next.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use longshore_model::StepId;

type Values = HashMap<(StepId, TypeId), Arc<dyn Any + Send + Sync>>;

/// The values that the steps of a run keep between phases, by step and type: what was proved when planning, and what was
/// there before a change. Clones share them. They may be secret: they are in no plan, no event, and no `Debug`.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Values>>);

impl Kept {
    pub(crate) fn insert<T: Send + Sync + 'static>(&self, step: &StepId, value: T) {
        self.lock().insert((step.clone(), TypeId::of::<T>()), Arc::new(value));
    }

    pub(crate) fn insert_first<T: Send + Sync + 'static>(&self, step: &StepId, value: impl FnOnce() -> T) {
        self.lock().entry((step.clone(), TypeId::of::<T>())).or_insert_with(|| Arc::new(value()));
    }

    pub(crate) fn get<T: Clone + Send + Sync + 'static>(&self, step: &StepId) -> Option<T> {
        let value = self.lock().get(&(step.clone(), TypeId::of::<T>())).cloned()?;
        value.downcast_ref().cloned()
    }

    pub(crate) fn take<T: Clone + Send + Sync + 'static>(&self, step: &StepId) -> Option<T> {
        let value = self.lock().remove(&(step.clone(), TypeId::of::<T>()))?;
        value.downcast_ref().cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_keep_values_by_type() {
        let kept = Kept::default();
        let [api, web] = ["api", "web"].map(|name| StepId::new("service", name));
        kept.insert_first(&api, || 1);
        kept.clone().insert_first(&api, || 2);
        kept.insert(&api, "text");
        kept.insert(&api, "later text");
        assert_eq!((kept.get::<i32>(&api), kept.get::<i32>(&web)), (Some(1), None));
        assert_eq!((kept.take::<&str>(&api), kept.take::<&str>(&api)), (Some("later text"), None));
        assert_eq!(format!("{kept:?}"), "Kept(…)");
    }
}
