//! A map by digest that is cheap to copy: 256 ordered maps, shared until one of them changes.
//!
//! The sequencer decides each batch on a copy of the state that it may throw away, and readers keep the state of the size
//! that they were shown. Copying a whole map for each batch would cost more than the batch as soon as it holds some
//! thousand rows; here a copy is one reference, and a change copies one 256th.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{ContentKey, KeyId, RecordId};

/// A value that is shared until it changes.
#[derive(Debug)]
pub(super) struct Shared<T>(Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> Shared<T> {
    /// The value, to be changed.
    pub(super) fn change(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Arc::new(value)))
    }
}

/// A key whose bytes are evenly distributed, as those of a hash are.
pub trait Digest: Ord + Copy {
    /// The first byte.
    fn first(&self) -> u8;
}

macro_rules! digest {
    ($($name:ident),*) => {
        $(impl Digest for $name {
            fn first(&self) -> u8 {
                self.as_bytes()[0]
            }
        })*
    };
}

digest!(ContentKey, KeyId, RecordId);

/// The map.
pub struct Shards<K, V>(Arc<Vec<Arc<BTreeMap<K, V>>>>);

impl<K, V> Clone for Shards<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(BTreeMap::new());
        Self(Arc::new(vec![empty; 256]))
    }
}

impl<K: Digest, V> Shards<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0[usize::from(key.first())].get(key)
    }

    /// Whether there is one.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// All, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(|shard| shard.iter())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|shard| shard.is_empty())
    }
}

impl<K: Digest, V: Clone> Shards<K, V> {
    /// Puts a value in the place of what was there.
    pub fn insert(&mut self, key: K, value: V) {
        self.shard(&key).insert(key, value);
    }

    /// The value of a key, to be changed; made if there is none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.shard(&key).entry(key).or_default()
    }

    /// The value of a key, to be changed. Nothing is copied if there is none.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if !self.contains(key) {
            return None;
        }
        self.shard(key).get_mut(key)
    }

    /// Takes a value out. Nothing is copied if there is none.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        if !self.contains(key) {
            return None;
        }
        self.shard(key).remove(key)
    }

    fn shard(&mut self, key: &K) -> &mut BTreeMap<K, V> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.0)[usize::from(key.first())])
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Shards<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(other.0.iter());
        Arc::ptr_eq(&self.0, &other.0) || pairs.all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
    }
}

impl<K: fmt::Debug + Digest, V: fmt::Debug> fmt::Debug for Shards<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Serialize + Digest, V: Serialize> Serialize for Shards<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, K: Deserialize<'de> + Digest, V: Deserialize<'de> + Clone> Deserialize<'de> for Shards<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de> + Digest, V: Deserialize<'de> + Clone> Visitor<'de> for Rows<K, V> {
            type Value = Shards<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map by digest")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
                let mut shards = Shards::default();
                while let Some((key, value)) = rows.next_entry()? {
                    shards.insert(key, value);
                }
                Ok(shards)
            }
        }

        deserializer.deserialize_map(Rows(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is done to it, it is what one ordered map would be, and copies taken before stay as they were.
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((any::<[u8; 2]>(), 0..4_u8), 0..60)) {
            let key = |bytes: [u8; 2]| {
                let mut id = [0; 32];
                id[..2].copy_from_slice(&[bytes[0] & 3, bytes[1] & 3]);
                RecordId::from_bytes(id)
            };
            let (mut shards, mut map) = (Shards::<RecordId, u8>::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (bytes, what) in steps {
                copies.push((shards.clone(), map.clone()));
                let key = key(bytes);
                match what {
                    0 => prop_assert_eq!(shards.remove(&key), map.remove(&key)),
                    1 => {
                        *shards.entry(key) += 1;
                        *map.entry(key).or_default() += 1;
                    }
                    _ => {
                        shards.insert(key, what);
                        map.insert(key, what);
                    }
                }
            }
            copies.push((shards, map));
            for (shards, map) in &copies {
                prop_assert!(shards.iter().eq(map.iter()));
                prop_assert_eq!((shards.len(), shards.is_empty()), (map.len(), map.is_empty()));
                let text = serde_json::to_string(shards).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Shards<RecordId, u8>>(&text).unwrap(), shards);
            }
        }
    }
}
