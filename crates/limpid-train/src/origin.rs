//! What decides a run's bits: its data and its settings.

use serde::{Deserialize, Serialize};

/// Data and settings as text, each under its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    settings: Vec<Setting>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Setting {
    name: String,
    value: String,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The setting's name, down to the field: `optimizer.rule.weight_decay`.
    pub(crate) setting: String,
    pub(crate) saved: String,
    pub(crate) own: String,
}

impl Origin {
    /// With the setting `name`, whose value may be the text that `{:#?}` gives.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push(Setting {
            name: name.to_owned(),
            value: value.into(),
        });
        self
    }

    /// With a setting that may be absent.
    pub(crate) fn with_optional(self, name: &str, value: Option<String>) -> Self {
        self.with(name, value.unwrap_or_else(|| "none".to_owned()))
    }

    /// The first setting in which `own` differs from this one, which was saved.
    pub(crate) fn difference(&self, own: &Self) -> Option<Difference> {
        let saved = &self.settings;
        let places = saved.len().max(own.settings.len());
        (0..places).find_map(|place| match (saved.get(place), own.settings.get(place)) {
            (Some(saved), Some(own)) if saved.name == own.name => {
                first_difference(&saved.name, &saved.value, &own.value)
            }
            (saved, own) => Some(Difference {
                setting: own.or(saved)?.name.clone(),
                saved: shown(saved.filter(|saved| own.is_none_or(|own| own.name == saved.name))),
                own: shown(own),
            }),
        })
    }
}

fn shown(setting: Option<&Setting>) -> String {
    setting.map_or_else(|| "none".to_owned(), |it| it.value.clone())
}

/// The first line in which two texts of `{:#?}` differ, under the path of fields that leads to it.
fn first_difference(name: &str, saved: &str, own: &str) -> Option<Difference> {
    const INDENT: usize = 4;
    if saved == own {
        return None;
    }
    let mut path: Vec<&str> = Vec::new();
    for (saved, own) in saved.lines().zip(own.lines()) {
        let text = saved.trim_start();
        path.truncate((saved.len() - text.len()) / INDENT);
        let (field, _) = text.split_once(": ").unwrap_or_default();
        path.push(field);
        if saved != own {
            let fields = path.iter().filter(|field| !field.is_empty());
            let setting = fields.fold(name.to_owned(), |all, field| format!("{all}.{field}"));
            return Some(Difference {
                setting,
                saved: value(text),
                own: value(own.trim_start()),
            });
        }
    }
    Some(Difference {
        setting: name.to_owned(),
        saved: saved.to_owned(),
        own: own.to_owned(),
    })
}

/// What a line of `{:#?}` says of its field.
fn value(line: &str) -> String {
    let (_, value) = line.split_once(": ").unwrap_or(("", line));
    value.trim_end_matches([',', '{', '(', '[', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_loss::CrossEntropy;
    use limpid_optim::{Adam, Optimizer, Sgd};

    fn difference(saved: &str, own: &str) -> [String; 3] {
        let [saved, own] = [saved, own].map(|it| Origin::default().with("loss", it));
        let Difference {
            setting,
            saved,
            own,
        } = saved.difference(&own).unwrap();
        [setting, saved, own]
    }

    #[test]
    fn the_field_that_differs_is_named() {
        let settings = |rule| Optimizer::<f64, Adam>::new(rule, 0.1).unwrap().settings();
        let plain = settings(Adam::new());
        let [setting, saved, own] =
            difference(&plain, &settings(Adam::new().with_betas([0.9, 0.99])));
        assert_eq!(
            [&*setting, &saved, &own],
            ["loss.rule.betas", "0.999", "0.99"]
        );
        let sgd = Optimizer::<f64, Sgd>::new(Sgd::new(), 0.1).unwrap();
        let [setting, saved, own] = difference(&plain, &sgd.settings());
        assert_eq!([&*setting, &saved, &own], ["loss.rule", "Adam", "Sgd"]);
    }

    #[test]
    fn weights_of_classes_count() {
        let text = |loss: CrossEntropy| format!("{loss:#?}");
        let weighted = text(CrossEntropy::new().with_weight([1.0, 2.0]));
        let [setting, saved, own] = difference(&text(CrossEntropy::new()), &weighted);
        assert_eq!([&*setting, &saved, &own], ["loss.weight", "None", "Some"]);
    }

    #[test]
    fn a_setting_that_only_one_has_is_named() {
        let one = Origin::default().with("seed", "1");
        let two = one.clone().with_optional("schedule", None);
        assert_eq!(one.difference(&one), None);
        assert_eq!(one.difference(&two).unwrap().setting, "schedule");
        assert_eq!(two.difference(&one).unwrap().setting, "schedule");
    }
}
