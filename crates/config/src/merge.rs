//! How two trees become one: deep for includes, by RFC 7396 for patches.

use serde_json::{Map, Value};

/// Lays `over` onto `base`: objects merge key by key, arrays are joined, the rest is replaced.
pub(crate) fn deep(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(slot) => deep(slot, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(base), Value::Array(over)) => base.extend(over),
        (base, over) => *base = over,
    }
}

/// Lays `over` onto `base`: objects merge key by key, the rest is replaced.
pub(crate) fn keys(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                keys(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// Applies a merge patch (RFC 7396): `null` removes, objects recurse, the rest replaces.
pub(crate) fn patch(base: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *base = change.clone();
        return;
    };
    if !base.is_object() {
        *base = Value::Object(Map::new());
    }
    let Some(base) = base.as_object_mut() else { return };
    for (key, value) in change {
        if value.is_null() {
            base.shift_remove(key);
        } else {
            patch(base.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn merging_an_empty_object_changes_no_object(a in tree()) {
            prop_assume!(a.is_object());
            let mut merged = a.clone();
            deep(&mut merged, json!({}));
            prop_assert_eq!(merged, a);
        }

        #[test]
        fn deep_merge_of_lists_is_associative(lists in prop::array::uniform3(
            prop::collection::vec(tree(), 0..4).prop_map(|list| json!({ "x": list })),
        )) {
            let of = |base: &Value, over: &Value| {
                let mut base = base.clone();
                deep(&mut base, over.clone());
                base
            };
            let [a, b, c] = lists;
            prop_assert_eq!(of(&of(&a, &b), &c), of(&a, &of(&b, &c)));
        }

        #[test]
        fn patching_with_a_null_free_tree_yields_its_leaves(a in tree(), b in tree()) {
            let mut patched = a;
            patch(&mut patched, &b);
            let mut again = patched.clone();
            patch(&mut again, &b);
            prop_assert_eq!(again, patched);
        }
    }
}
