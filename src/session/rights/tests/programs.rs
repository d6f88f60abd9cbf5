//! Programs among the people: tokens are made, used and taken back, and what was asked with them,
//! or with a right, is over when they are.

use super::*;
use crate::model::{Command, Name, Phase, Props};
use crate::session::{Tab, TabId};
use crate::supervision::outbox::outbox;

const TOKENS_MAX: usize = 12;
const PROPERTIES: [&str; 3] = ["on", "brightness", "hue"];

/// A token that somebody made for a program.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Token {
    number: u64,
    user: u64,
    role: Role,
    only: Option<u64>,
    until_ms: Option<i64>,
}

impl Token {
    fn scope(&self) -> Scope {
        let devices = self.only.map(|only| [DeviceId(only)].into());
        Scope { role: self.role, devices, until_ms: self.until_ms }
    }

    fn caller(&self) -> Caller {
        let via = Via::Token(self.number.to_string().into());
        Caller { user: UserId(self.user), name: "bob".into(), via, from: None }
    }

    fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms.is_some_and(|until_ms| until_ms <= now_ms)
    }
}

impl Town {
    /// What a device does when somebody, or one program, may not command it any more.
    pub(super) fn right_lost(&mut self, device: u64, user: u64, via: Option<&Via>) {
        let now_ms = self.now_ms;
        if let Some(asked) = self.asked.get_mut(&device) {
            asked.cancel(UserId(user), via, now_ms);
        }
    }

    /// The scope with which a program's open page asks, if it has one or may open one.
    fn tab(&mut self, token: &Token) -> Option<Scope> {
        let now_ms = self.now_ms;
        if !self.tokens.contains(token) || token.is_over(now_ms) {
            return None;
        }
        let (id, state) = (TabId(token.number), self.session(token.user));
        if state.rights(id).is_none() {
            let (outbox, _) = outbox(64);
            let (caller, scope) = (token.caller(), token.scope());
            state.open(Tab { id, login: None, caller, scope, outbox }, TOKENS_MAX, now_ms);
        }
        state.rights(id).map(|(_, scope)| scope)
    }

    fn revoke(&mut self, token: &Token) {
        self.tokens.retain(|kept| kept != token);
        let (via, now_ms) = (token.caller().via, self.now_ms);
        for device in 0..DEVICES {
            self.right_lost(device, token.user, Some(&via));
        }
        if let Some(state) = self.sessions.get_mut(&token.user) {
            state.close_program(&via, now_ms);
            assert!(state.rights(TabId(token.number)).is_none(), "its page is still open");
        }
    }

    fn ask(&mut self, by: Caller, scope: &Scope, device: u64, dice: &mut Dice) -> bool {
        let state = self.session(by.user.0);
        if state.check(DeviceId(device), Role::Operator, scope).is_err() {
            return false;
        }
        let name: Name = PROPERTIES[usize::try_from(dice.roll(3)).unwrap()].into();
        let mut wanted = Props::new();
        wanted.set(name.clone(), 1.into());
        let asked = self.asked.entry(device).or_default();
        asked.supersede(&[name], self.now_ms);
        asked.accept(Command {
            rev: 1,
            reference: "r".into(),
            by,
            open: wanted.clone(),
            wanted,
            phase: Phase::Accepted,
            reason: None,
            accepted_ms: self.now_ms,
            delivered_ms: None,
            finished_ms: None,
            expires_ms: None,
        });
        true
    }
}

/// A token among those that there are, or that there were.
fn some_token(model: &Model, dice: &mut Dice) -> Option<Token> {
    let end = u64::try_from(model.tokens.len()).unwrap();
    (end > 0).then(|| model.tokens[usize::try_from(dice.roll(end)).unwrap()])
}

/// Somebody makes a token, takes one back, or asks something, in person or by a program.
pub(super) fn step(town: &mut Town, model: &mut Model, dice: &mut Dice) {
    let (user, device, now_ms) = (dice.roll(USERS), dice.roll(DEVICES), town.now_ms);
    match (dice.roll(4), some_token(model, dice)) {
        (0, _) if model.tokens.len() < TOKENS_MAX => {
            let role = if dice.roll(2) == 0 { Role::Viewer } else { Role::Operator };
            let only = (dice.roll(2) == 0).then_some(device);
            let until_ms = (dice.roll(3) == 0).then(|| now_ms + 40);
            let token = Token { number: dice.roll(1 << 40), user, role, only, until_ms };
            town.tokens.push(token);
            model.tokens.push(token);
        }
        (1, Some(token)) => {
            model.tokens.retain(|kept| *kept != token);
            town.revoke(&token);
        }
        (2, Some(token)) => {
            let role = model.role(device, token.user, now_ms);
            let there = token.only.is_none_or(|only| only == device);
            let may = token.role >= Role::Operator && role >= Some(Role::Operator) && there;
            let done = town
                .tab(&token)
                .is_some_and(|scope| town.ask(token.caller(), &scope, device, dice));
            assert_eq!(done, may && !token.is_over(now_ms));
        }
        _ => {
            let by = Caller { user: UserId(user), name: "bob".into(), via: Via::Login, from: None };
            let may = model.role(device, user, now_ms) >= Some(Role::Operator);
            assert_eq!(town.ask(by, &Scope::ALL, device, dice), may);
        }
    }
}

/// A program sees and does what the token is good for of what its user may, as long as it is there;
/// and nothing is under way that nobody has the right to ask any more. (What ends at its time is
/// given up by its time to live.)
pub(super) fn look(town: &mut Town, model: &Model, dice: &mut Dice) {
    let (device, now_ms) = (dice.roll(DEVICES), town.now_ms);
    if let Some(token) = some_token(model, dice) {
        let scope = town.tab(&token);
        assert_eq!(scope.is_none(), token.is_over(now_ms));
        if let Some(scope) = scope {
            let there = token.only.is_none_or(|only| only == device);
            let role = model.role(device, token.user, now_ms).filter(|_| there);
            let seen = town.session(token.user).check(DeviceId(device), Role::Viewer, &scope);
            assert_eq!(seen.ok(), role.map(|role| role.min(token.role)));
        }
    }
    for command in town.asked.get(&device).into_iter().flat_map(OpenCommands::all) {
        let Caller { user, via, .. } = &command.by;
        let given = |(of, to, role, _): &(u64, u64, Role, Option<i64>)| {
            (*of, *to) == (device, user.0) && *role >= Role::Operator
        };
        let may = model.made.contains(&(device, user.0)) || model.given.iter().any(given);
        let kept = *via == Via::Login || model.tokens.iter().any(|t| t.caller().via == *via);
        assert!(may && kept, "nobody may ask for this: {command:?}");
    }
}
