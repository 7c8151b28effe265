//! The host's extensions for plugins, by type.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

/// Things that the host lends to plugins when it builds them, such as the AWS clients of the run. A plugin asks for
/// them by their type, so that this crate need not know the types.
#[derive(Clone, Default)]
pub struct Extensions {
    items: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Extensions {
    /// Lends `item`; an earlier one of its type is replaced.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, item: T) -> Self {
        self.items.insert(TypeId::of::<T>(), Arc::new(item));
        self
    }

    /// The item of type `T`, if the host lends one.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.items.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}

impl std::fmt::Debug for Extensions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Extensions({} items)", self.items.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_items_by_their_type() {
        let extensions = Extensions::default().with(1_u8).with("text").with(2_u8);
        assert_eq!(extensions.get::<u8>().as_deref(), Some(&2));
        assert_eq!(extensions.get::<&str>().as_deref(), Some(&"text"));
        assert!(extensions.get::<u16>().is_none());
    }
}
