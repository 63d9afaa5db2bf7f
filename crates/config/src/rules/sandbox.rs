//! What must hold inside `sandbox`: sizes that are sizes, paths that are paths.
//!
//! Whether a bind or a network is safe is the backend's to say, which sees the host.

use serde_json::Value;

use crate::{
    node::Node,
    problem::{Finding, Path},
    size,
};

pub(super) fn check(root: &Value, findings: &mut Vec<Finding>) {
    let node = Node::of(root);
    let defaults = Path::of(&["agents", "defaults", "sandbox", "docker"]);
    docker(node.at("agents.defaults.sandbox.docker"), &defaults, findings);
    let list = node.at("agents.list").items().map_or(&[][..], Vec::as_slice);
    for (index, agent) in list.iter().enumerate() {
        let place = Path::of(&["agents", "list"]).child(index).child("sandbox").child("docker");
        docker(Node::of(agent).at("sandbox.docker"), &place, findings);
    }
}

fn docker(docker: Node<'_>, place: &Path, findings: &mut Vec<Finding>) {
    let mut refuse = |place: Path, message: String, hint: &str| {
        findings.push(Finding::new(place, message).hint(hint));
    };
    for key in ["memory", "memorySwap"] {
        let node = docker.key(key);
        if let Some(text) = node.text()
            && !(size::parse_bytes(&text).is_some() || key == "memorySwap" && text.trim() == "-1")
        {
            refuse(place.child(key), format!("`{text}` is not a size"), "write for example `512m`");
        }
    }
    for (name, limit) in docker.at("ulimits").members() {
        if let Some(text) = limit.text()
            && size::parse_ulimit(&text).is_none()
        {
            let place = place.child("ulimits").child(name);
            refuse(place, format!("`{text}` is not a limit"), "write for example `1024:2048`");
        }
    }
    if let Some(workdir) = docker.at("workdir").text()
        && !is_container_path(&workdir)
    {
        let message = format!("`{workdir}` is not an absolute path inside the container");
        refuse(place.child("workdir"), message, "write for example `/workspace`");
    }
    for name in docker.at("env").map().into_iter().flat_map(serde_json::Map::keys) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("`{}` is not a variable name", name.escape_debug());
            refuse(place.child("env"), message, "names have no `=`");
        }
    }
}

fn is_container_path(path: &str) -> bool {
    path.starts_with('/') && path != "/" && !path.split('/').any(|part| part == "..")
}
