//! What each key does.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{
    bang,
    local::ask_choices,
    picker::{Kind, Picker},
    question::Decision,
    slash,
    state::{Effect, Link, State},
};

/// Time in which a second Ctrl+C leaves.
const TWICE_MS: i64 = 1000;

impl State {
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.notice = None;
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return self.interrupt();
        }
        self.interrupted_ms = None;
        if let Some(picker) = self.picker.take() {
            return self.pick(picker, key);
        }
        if let Some(effects) = self.answer_key(key) {
            return effects;
        }
        if is_control {
            return self.control_key(key.code);
        }
        if key.modifiers.contains(KeyModifiers::ALT) {
            return self.alt_key(key.code);
        }
        if key.modifiers.contains(KeyModifiers::SHIFT) && self.shift_key(key.code) {
            return Vec::new();
        }
        self.plain_key(key.code)
    }

    pub(super) fn paste(&mut self, text: &str) {
        match &mut self.picker {
            Some(picker) => picker.narrow(text),
            None => self.input.insert(text),
        }
    }

    /// The first Ctrl+C takes away what is typed, the second one leaves.
    fn interrupt(&mut self) -> Vec<Effect> {
        let is_second = self.interrupted_ms.is_some_and(|at| self.now_ms - at <= TWICE_MS);
        if is_second {
            return vec![Effect::Quit];
        }
        self.interrupted_ms = Some(self.now_ms);
        self.picker = None;
        // It can be had back with Up.
        self.bang_answered(None);
        drop(self.input.take());
        self.notice = Some("Ctrl+C again leaves".to_owned());
        Vec::new()
    }

    /// Lets a key answer the question that is shown: a bare one while nothing is typed, and with
    /// Alt at any time.
    fn answer_key(&mut self, key: KeyEvent) -> Option<Vec<Effect>> {
        let question = self.questions.front()?;
        let KeyCode::Char(char) = key.code else { return None };
        let is_bare = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let is_alt = key.modifiers == KeyModifiers::ALT;
        let decision = Decision::of_key(char)?;
        if !(is_alt || is_bare && self.input.is_empty()) {
            return None;
        }
        // A key that was on its way when the question came is neither answer nor text.
        Some(if question.takes_keys(self.now_ms) { self.decide(decision) } else { Vec::new() })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
    fn control_key(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Char('d') if self.input.is_empty() => return vec![Effect::Quit],
            KeyCode::Char('d') => self.input.erase_right(),
            KeyCode::Char('p') => return vec![ask_choices(Kind::Session)],
            KeyCode::Char('g') => return vec![ask_choices(Kind::Agent)],
            KeyCode::Char('l') => return vec![ask_choices(Kind::Model)],
            KeyCode::Char('o') => self.unfolded.tools = !self.unfolded.tools,
            KeyCode::Char('t') => self.unfolded.thinking = !self.unfolded.thinking,
            KeyCode::Char('j') => self.input.insert("\n"),
            KeyCode::Char('a') => self.input.line_start(),
            KeyCode::Char('e') => self.input.line_end(),
            KeyCode::Char('b') => self.input.left(),
            KeyCode::Char('f') => self.input.right(),
            KeyCode::Char('h') => self.input.erase_left(),
            KeyCode::Char('w') | KeyCode::Backspace => self.input.erase_word(),
            KeyCode::Char('u') => self.input.erase_to_line_start(),
            KeyCode::Char('k') => self.input.erase_to_line_end(),
            KeyCode::Left => self.input.word_left(),
            KeyCode::Right => self.input.word_right(),
            KeyCode::Up => self.log.scroll_lines(1),
            KeyCode::Down => self.log.scroll_lines(-1),
            KeyCode::Home => self.log.scroll_to_top(),
            KeyCode::End => self.log.follow(),
            _ => {}
        }
        Vec::new()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
    fn alt_key(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Enter => self.input.insert("\n"),
            KeyCode::Char('b') | KeyCode::Left => self.input.word_left(),
            KeyCode::Char('f') | KeyCode::Right => self.input.word_right(),
            KeyCode::Backspace => self.input.erase_word(),
            _ => {}
        }
        Vec::new()
    }

    /// Gives whether the key meant something else than without Shift.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean the same")]
    fn shift_key(&mut self, code: KeyCode) -> bool {
        match code {
            KeyCode::Up => self.log.scroll_lines(1),
            KeyCode::Down => self.log.scroll_lines(-1),
            KeyCode::Enter => self.input.insert("\n"),
            _ => return false,
        }
        true
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
    fn plain_key(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Enter => return self.enter(),
            KeyCode::Esc if self.runs_command() => return vec![Effect::StopRun],
            KeyCode::Esc if self.is_running() => return self.abort(),
            KeyCode::Tab => self.complete(),
            KeyCode::Char(char) => self.input.insert(char.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.input.erase_left(),
            KeyCode::Delete => self.input.erase_right(),
            KeyCode::Left => self.input.left(),
            KeyCode::Right => self.input.right(),
            KeyCode::Up => self.input.up(),
            KeyCode::Down => self.input.down(),
            KeyCode::Home => self.input.line_start(),
            KeyCode::End => self.input.line_end(),
            KeyCode::PageUp => self.log.scroll_pages(1),
            KeyCode::PageDown => self.log.scroll_pages(-1),
            _ => {}
        }
        Vec::new()
    }

    fn enter(&mut self) -> Vec<Effect> {
        if self.input.text().trim().is_empty() {
            return Vec::new();
        }
        if bang::command_in(self.input.text()).is_some() {
            return self.bang();
        }
        let local = slash::local(self.input.text());
        if self.link != Link::Open && local != Some(slash::Local::Quit) {
            self.notice = Some("not connected: the text stays here".to_owned());
            return Vec::new();
        }
        let text = self.input.take();
        match local {
            Some(local) => self.local(local),
            None => self.send(&text),
        }
    }

    fn complete(&mut self) {
        if let Some((text, _)) = slash::completions(self.input.text()).into_iter().next() {
            self.input.set(&format!("{text} "));
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
    fn pick(&mut self, mut picker: Picker, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Esc => return self.bang_answered(None),
            KeyCode::Enter => {
                let Some(value) = picker.chosen() else { return self.bang_answered(None) };
                return self.chosen(picker.kind, &value);
            }
            KeyCode::Up => picker.up(),
            KeyCode::Down => picker.down(),
            KeyCode::Backspace => picker.widen(),
            KeyCode::Char(char) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                picker.narrow(char.encode_utf8(&mut [0; 4]));
            }
            _ => {}
        }
        self.picker = Some(picker);
        Vec::new()
    }
}
