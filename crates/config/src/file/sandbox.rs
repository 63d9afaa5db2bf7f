//! `sandbox`, of the defaults and of an agent.

use super::{
    Shape, any, choice, flag, int, int_to, map, number, object, one_of, port, positive, text, texts,
};

pub(super) fn sandbox() -> Shape {
    object([
        ("mode", choice(&["off", "non-main", "all"])),
        ("scope", choice(&["session", "agent", "shared"])),
        ("perSession", flag()),
        ("workspaceAccess", choice(&["none", "ro", "rw"])),
        ("workspaceRoot", text()),
        ("sessionToolsVisibility", choice(&["spawned", "all"])),
        ("backend", choice(&["docker", "podman"])),
        ("docker", docker()),
        ("browser", browser()),
        ("prune", object([("idleHours", int(0)), ("maxAgeDays", int(0))])),
        ("ssh", map(any())),
    ])
}

fn docker() -> Shape {
    let limit = one_of([text(), number(), object([("soft", int(0)), ("hard", int(0))])]);
    object([
        ("image", text()),
        ("containerPrefix", text()),
        ("workdir", text()),
        ("readOnlyRoot", flag()),
        ("tmpfs", texts()),
        ("network", text()),
        ("user", text()),
        ("capDrop", texts()),
        ("env", map(text())),
        ("setupCommand", one_of([text(), texts()])),
        ("pidsLimit", int(1)),
        ("memory", one_of([text(), number()])),
        ("memorySwap", one_of([text(), number()])),
        ("cpus", positive()),
        ("gpus", text()),
        ("ulimits", map(limit)),
        ("seccompProfile", text()),
        ("apparmorProfile", text()),
        ("dns", texts()),
        ("extraHosts", texts()),
        ("binds", texts()),
        ("runtime", text()),
        ("spares", int_to(0, 16)),
        ("dangerouslyAllowReservedContainerTargets", flag()),
        ("dangerouslyAllowExternalBindSources", flag()),
        ("dangerouslyAllowContainerNamespaceJoin", flag()),
    ])
}

fn browser() -> Shape {
    object([
        ("enabled", flag()),
        ("image", text()),
        ("containerPrefix", text()),
        ("cdpPort", port()),
        ("vncPort", port()),
        ("noVncPort", port()),
        ("headless", flag()),
        ("enableNoVnc", flag()),
        ("allowHostControl", flag()),
        ("autoStart", flag()),
        ("autoStartTimeoutMs", int(1)),
        ("network", text()),
        ("cdpSourceRange", text()),
        ("binds", texts()),
    ])
}
