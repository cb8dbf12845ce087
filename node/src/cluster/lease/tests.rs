//! Leases under clocks of different rates and messages that take any time.

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;
const NODE: NodeId = NodeId(7);
const RUN: Incarnation = Incarnation(1);

fn rule() -> LeaseRule {
    LeaseRule::new(Duration::from_millis(500))
}

#[test]
fn a_leader_waits_for_the_leases_of_the_one_before() {
    let mut grants = Grants::new(rule());
    assert_eq!(grants.grant(NODE, RUN, (Epoch(1), 5 * MS)), None, "who does not lead grants nothing");
    assert!(!grants.is_over(NODE, 9_000 * MS), "and calls nobody down");
    grants.lead(1_000 * MS);
    assert!(!grants.is_over(NODE, 1_000 * MS));
    assert!(!grants.is_over(NODE, 1_529 * MS));
    assert!(grants.is_over(NODE, 1_530 * MS));
}

#[test]
fn who_asks_is_not_called_down_because_the_answer_takes_long() {
    let mut grants = Grants::new(rule());
    grants.heard(NODE, 5 * MS);
    grants.lead(1_000 * MS);
    assert!(!grants.is_over(NODE, 1_000 * MS));
    grants.heard(NODE, 1_400 * MS);
    assert!(!grants.is_over(NODE, 1_649 * MS), "it asked less than half a lease ago");
    assert!(grants.is_over(NODE, 1_650 * MS));
    // One that was answered is called down no later than one of which nothing else is known.
    grants.lead(2_000 * MS);
    assert!(!grants.is_over(NODE, 2_000 * MS));
    grants.heard(NODE, 2_100 * MS);
    assert!(grants.grant(NODE, RUN, (Epoch(1), 2_100 * MS)).is_some());
    assert!(!grants.is_over(NODE, 2_629 * MS));
    assert!(grants.is_over(NODE, 2_630 * MS));
}

#[test]
fn a_node_that_appears_later_has_a_whole_lease_of_time() {
    let mut grants = Grants::new(rule());
    grants.lead(0);
    assert!(!grants.is_over(NODE, 10_000 * MS));
    assert!(!grants.is_over(NODE, 10_529 * MS));
    assert!(grants.is_over(NODE, 10_530 * MS));
}

#[test]
fn who_is_being_called_down_gets_no_lease() {
    let mut grants = Grants::new(rule());
    grants.lead(0);
    assert!(grants.grant(NODE, RUN, (Epoch(1), 1)).is_some());
    assert_eq!(grants.leases(MS + 1).collect::<Vec<_>>(), [(NODE, 499 * MS)]);
    grants.calling(NODE, 600 * MS);
    assert_eq!(grants.grant(NODE, RUN, (Epoch(1), 600 * MS)), None);
    assert!(grants.is_over(NODE, 600 * MS), "to call twice does no harm");
    grants.heard(NODE, 610 * MS);
    assert!(grants.is_over(NODE, 620 * MS), "and is what helps whoever asks and may not get one");
    grants.settled(NODE);
    assert!(grants.grant(NODE, Incarnation(2), (Epoch(1), 601 * MS)).is_some());
    grants.follow();
    assert_eq!(grants.grant(NODE, RUN, (Epoch(1), 602 * MS)), None);
}

#[test]
fn a_grant_names_the_epoch_since_which_nothing_was_taken_from_its_holder() {
    let mut grants = Grants::new(rule());
    grants.lead(0);
    assert_eq!(grants.grant(NODE, RUN, (Epoch(5), 1)), Some(Epoch(5)));
    assert_eq!(
        grants.grant(NODE, RUN, (Epoch(9), 2)),
        Some(Epoch(5)),
        "it may be slow to learn of others' changes"
    );
    assert_eq!(grants.grant(NODE, Incarnation(2), (Epoch(10), 3)), Some(Epoch(10)));
    grants.is_down(NODE);
    assert_eq!(grants.grant(NODE, Incarnation(2), (Epoch(12), 4)), Some(Epoch(12)));
    grants.calling(NODE, 600 * MS);
    grants.settled(NODE);
    assert_eq!(grants.grant(NODE, Incarnation(2), (Epoch(14), 600 * MS)), Some(Epoch(14)));
    grants.lead(700 * MS);
    assert_eq!(grants.grant(NODE, Incarnation(2), (Epoch(15), 700 * MS)), Some(Epoch(15)));
}

#[test]
fn a_leader_that_knows_when_leases_began_waits_no_longer_than_it_must() {
    let leading = || {
        let mut grants = Grants::new(rule());
        grants.lead(1_000 * MS);
        assert!(!grants.is_over(NODE, 1_000 * MS));
        grants
    };
    let mut grants = leading();
    grants.others_began_before(800 * MS, 1_000 * MS);
    assert!(!grants.is_over(NODE, 1_329 * MS));
    assert!(grants.is_over(NODE, 1_330 * MS));
    // However long ago that was, who lives gets time to ask.
    let mut grants = leading();
    grants.others_began_before(10 * MS, 1_000 * MS);
    assert!(!grants.is_over(NODE, 1_249 * MS));
    assert!(grants.is_over(NODE, 1_250 * MS));
    // What was asked before others were given more time counts for nothing.
    let mut grants = leading();
    grants.wait_longer(1_100 * MS);
    grants.others_began_before(800 * MS, 1_000 * MS);
    assert!(!grants.is_over(NODE, 1_629 * MS));
    assert!(rule().passed_ns(300 * MS) <= 300 * MS * 98 / 100);
}

#[test]
fn a_leader_that_was_away_gives_everybody_a_whole_lease_of_time() {
    let mut grants = Grants::new(rule());
    grants.lead(0);
    assert!(grants.grant(NODE, RUN, (Epoch(1), 1)).is_some());
    grants.wait_longer(9_000 * MS);
    assert!(!grants.is_over(NODE, 9_529 * MS));
    assert!(grants.is_over(NODE, 9_530 * MS));
    grants.follow();
    grants.wait_longer(9_000 * MS);
    assert!(!grants.is_over(NODE, 99_000 * MS), "who does not lead still calls nobody down");
}

/// One thing that happens, so many nanoseconds of real time after the one before.
#[derive(Clone, Debug)]
enum Event {
    /// The holder asks; the request and the answer travel for so long, and are lost or not.
    Ask { there_ns: u64, back_ns: u64, lost: bool },
    /// The leader looks whether the lease is over.
    Look,
    /// Another node, with a clock of its own, learns after so long that it leads.
    Elect { learns_ns: u64 },
}

fn event() -> impl Strategy<Value = (u64, Event)> {
    let delay = || prop_oneof![0..5 * MS, 0..400 * MS, 0..3_000 * MS];
    let what = prop_oneof![
        4 => (delay(), delay(), prop::bool::weighted(0.2))
            .prop_map(|(there_ns, back_ns, lost)| Event::Ask { there_ns, back_ns, lost }),
        8 => Just(Event::Look),
        1 => delay().prop_map(|learns_ns| Event::Elect { learns_ns }),
    ];
    (prop_oneof![0..20 * MS, 0..200 * MS], what)
}

/// A monotonic clock: parts in a million by which it is fast, and where it began.
#[derive(Clone, Copy, Debug)]
struct Skewed {
    fast_ppm: i64,
    from_ns: u64,
}

impl Skewed {
    fn at(self, real_ns: u64) -> u64 {
        self.from_ns + (real_ns as i128 * (1_000_000 + i128::from(self.fast_ppm)) / 1_000_000) as u64
    }
}

fn skewed() -> impl Strategy<Value = Skewed> {
    // Half of the bound each, so that any two differ by no more than the bound.
    (prop_oneof![Just(-5_000i64), Just(5_000), -5_000..=5_000i64], 1..1_000_000 * MS)
        .prop_map(|(fast_ppm, from_ns)| Skewed { fast_ppm, from_ns })
}

struct World {
    holder: Skewed,
    leader: Skewed,
    leads_from_ns: u64,
    /// Requests on their way: when the leader answers, and when the answer comes and for which asking; in real time.
    asked: Vec<(u64, Option<u64>, u64)>,
    answered: Vec<(u64, u64)>,
    until_ns: u64,
    grants: Grants,
}

impl World {
    fn pass(&mut self, real_ns: u64) {
        let (due, rest) = self.asked.iter().copied().partition::<Vec<_>, _>(|asked| asked.0 <= real_ns);
        self.asked = rest;
        for (at_ns, back_ns, asked_ns) in due {
            if at_ns < self.leads_from_ns
                || self.grants.grant(NODE, RUN, (Epoch(1), self.leader.at(at_ns))).is_none()
            {
                continue;
            }
            self.answered.extend(back_ns.map(|back_ns| (at_ns + back_ns, asked_ns)));
        }
        for (at_ns, asked_ns) in &self.answered {
            if *at_ns <= real_ns {
                self.until_ns = self.until_ns.max(rule().until_ns(*asked_ns));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Never is a node called down while an answer that has come, or may still come, lets it serve.
    #[test]
    fn nobody_is_called_down_while_it_may_serve(
        holder in skewed(),
        leaders in prop::collection::vec(skewed(), 8),
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut grants = Grants::new(rule());
        grants.lead(leaders[0].at(0));
        let mut world = World {
            holder, leader: leaders[0], leads_from_ns: 0, asked: Vec::new(), answered: Vec::new(), until_ns: 0, grants,
        };
        let (mut real_ns, mut elections) = (0, 0);
        for (after_ns, event) in events {
            real_ns += after_ns;
            world.pass(real_ns);
            match event {
                Event::Ask { there_ns, back_ns, lost } => {
                    let back_ns = (!lost).then_some(back_ns);
                    world.asked.push((real_ns + there_ns, back_ns, world.holder.at(real_ns)));
                    world.asked.sort_unstable();
                }
                Event::Elect { learns_ns } => {
                    // Whatever the old leader granted, it granted before the election; the new one learns of it later.
                    world.asked.clear();
                    elections += 1;
                    world.leader = leaders[elections % leaders.len()];
                    world.leads_from_ns = real_ns + learns_ns;
                    world.grants = Grants::new(rule());
                    world.grants.lead(world.leader.at(world.leads_from_ns));
                }
                Event::Look if real_ns >= world.leads_from_ns => {
                    if world.grants.is_over(NODE, world.leader.at(real_ns)) {
                        let late_ns = world.answered.iter().map(|(_, asked_ns)| rule().until_ns(*asked_ns)).max();
                        let until_ns = late_ns.unwrap_or(0).max(world.until_ns);
                        prop_assert!(world.holder.at(real_ns) >= until_ns, "serves until {until_ns} at {real_ns}");
                    }
                }
                Event::Look => {}
            }
        }
    }
}

/// The arithmetic is no more careful than it has to be: with clocks that differ by three times the bound it fails.
#[test]
fn beyond_the_bound_on_clocks_the_arithmetic_does_not_hold() {
    let rule = LeaseRule::new(Duration::from_secs(10));
    let holder = Skewed { fast_ppm: -40_000, from_ns: 0 };
    let leader = Skewed { fast_ppm: 0, from_ns: 0 };
    let mut grants = Grants::new(rule);
    grants.lead(0);
    assert!(grants.grant(NODE, RUN, (Epoch(1), leader.at(0))).is_some());
    let over_ns = 10_230 * MS;
    assert!(grants.is_over(NODE, leader.at(over_ns)));
    assert!(holder.at(over_ns) < rule.until_ns(holder.at(0)));
}
