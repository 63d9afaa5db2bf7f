//! The two languages that the wizard speaks, and texts in both.
//!
//! A text stands beside the question that shows it, so that neither is changed without the other.

/// A language of the wizard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

/// One text in both languages: English, Chinese.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text(pub &'static str, pub &'static str);

impl Language {
    /// The language of a locale such as `zh_CN.UTF-8`, `zh` or `en-US`; English unless Chinese.
    pub fn of_locale(locale: &str) -> Self {
        if locale.trim().to_ascii_lowercase().starts_with("zh") {
            Self::Chinese
        } else {
            Self::English
        }
    }

    /// The language of a process: `LC_ALL`, else `LC_MESSAGES`, else `LANG`.
    pub fn of_env(env: &config::Env) -> Self {
        Self::of_locale(env.first(&["LC_ALL", "LC_MESSAGES", "LANG"]).unwrap_or_default())
    }
}

impl Text {
    /// The text in `language`.
    pub fn of(self, language: Language) -> &'static str {
        match language {
            Language::English => self.0,
            Language::Chinese => self.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_locales_of_all_spellings_are_chinese_and_others_english() {
        for locale in ["zh_CN.UTF-8", "zh", "zh-Hans", "ZH_tw", " zh_CN"] {
            assert_eq!(Language::of_locale(locale), Language::Chinese, "{locale}");
        }
        for locale in ["", "C", "C.UTF-8", "en_GB", "de_DE.UTF-8"] {
            assert_eq!(Language::of_locale(locale), Language::English, "{locale}");
        }
    }
}
