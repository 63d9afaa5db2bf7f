//! Skills: told to the model, called by people, given to commands on the host.

use agent::Stop;
use serde_json::json;
use testkit::{
    home::TempHome,
    llm::{Llm, calls, says},
};

use crate::harness::{Harness, texts};

const SKY: &str = "---\nname: sky\ndescription: Tells the weather.\nmetadata: {openclaw: \
                   {primaryEnv: SKY_KEY, requires: {env: [SKY_KEY]}}}\n---\nAsk the sky.\n";

fn put(home: &TempHome, root: &str, name: &str, text: &str) {
    let dir = home.state_dir().join(root).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("SKILL.md"), text).unwrap();
}

#[tokio::test]
async fn a_turn_is_told_of_the_skills_as_they_are_then_and_its_commands_get_their_keys() {
    let tell = json!({"command": "echo $SKY_KEY"});
    let llm = Llm::script([says("none"), calls("exec", tell), says("there"), says("off")]);
    let harness = Harness::with(
        llm,
        &json!({"skills": {"entries": {"sky": {"apiKey": "blue"}, "off": {"enabled": false}}}}),
    );

    harness.say("t1", "hi").await;
    put(&harness.home, "skills", "sky", SKY);
    put(&harness.home, "skills", "off", "---\nname: off\ndescription: Is off.\n---\n");
    let outcome = harness.say("t2", "how is the sky?").await;
    std::fs::remove_dir_all(harness.home.state_dir().join("skills/sky")).unwrap();
    harness.say("t3", "and now?").await;

    assert_eq!(outcome.stop, Stop::Done);
    let told = |at: usize| harness.llm.request(at).system().to_owned();
    assert!(!told(0).contains("## Skills"), "{}", told(0));
    let path = harness.home.state_dir().join("skills/sky/SKILL.md");
    let line = format!(
        "<skill><name>sky</name><description>Tells the weather.</description>\
         <location>{}</location></skill>\n",
        path.display()
    );
    assert!(told(1).contains(&line), "{}", told(1));
    assert!(!told(1).contains("Is off.") && !told(1).contains("blue"), "{}", told(1));
    assert_eq!(harness.llm.request(2).result_of("exec"), "blue");
    assert!(!told(3).contains("Tells the weather."), "{}", told(3));
}

#[tokio::test]
async fn a_person_calls_a_skill_by_its_name_and_is_told_which_there_are() {
    let llm = Llm::script([says("sunny"), says("rainy"), says("what?")]);
    let harness = Harness::start(llm);
    put(&harness.home, "workspace/skills", "sky", "---\nname: My Sky\ndescription: W.\n---\n");
    let hidden = "---\nname: quiet\ndescription: Q.\nuser-invocable: false\n---\n";
    put(&harness.home, "skills", "quiet", hidden);

    harness.say("t1", "/my_sky in Vienna").await;
    harness.say("t2", "/skill my_sky").await;
    let listed = harness.say("t3", "/skill").await;
    let unknown = harness.say("t4", "/skill nothing now").await;
    harness.say("t5", "/quiet please").await;

    let path = harness.home.state_dir().join("workspace/skills/sky/SKILL.md");
    let order = format!(
        "The person asks for the skill \"My Sky\". Read {} and follow it for this request.",
        path.display()
    );
    let last = |at: usize| texts(&harness.llm.request(at)).pop().unwrap();
    assert!(last(0).ends_with(&format!("{order}\n\nin Vienna")), "{}", last(0));
    assert!(last(1).ends_with(&order), "{}", last(1));
    assert_eq!(listed.texts, ["Usage: /skill <name> [input]. There are:\n/my_sky: W."]);
    assert_eq!(unknown.texts, ["No skill `nothing` can be used here. There are:\n/my_sky: W."]);
    assert!(last(2).ends_with("/quiet please"), "{}", last(2));
}
