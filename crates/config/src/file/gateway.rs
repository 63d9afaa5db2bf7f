//! `gateway`.

use super::{Shape, choice, flag, int, object, port, switch, text, texts};

pub(super) fn gateway() -> Shape {
    object([
        ("mode", choice(&["local", "remote"])),
        ("port", port()),
        ("bind", choice(&["loopback", "lan", "tailnet", "auto", "custom"])),
        ("customBindHost", text()),
        ("auth", auth()),
        ("trustedProxies", texts()),
        ("controlUi", control_ui()),
        (
            "tailscale",
            object([("mode", choice(&["off", "serve", "funnel"])), ("resetOnExit", flag())]),
        ),
        ("remote", remote()),
        (
            "reload",
            object([
                ("mode", choice(&["off", "restart", "hot", "hybrid"])),
                ("debounceMs", int(0)),
            ]),
        ),
        (
            "tls",
            object([
                ("enabled", flag()),
                ("autoGenerate", flag()),
                ("certPath", text()),
                ("keyPath", text()),
                ("caPath", text()),
            ])
            .open(),
        ),
        (
            "http",
            object([(
                "endpoints",
                object([("chatCompletions", switch()), ("responses", responses())]),
            )]),
        ),
        (
            "nodes",
            object([
                (
                    "browser",
                    object([("mode", choice(&["auto", "manual", "off"])), ("node", text())]),
                ),
                ("allowCommands", texts()),
                ("denyCommands", texts()),
            ]),
        ),
        ("tools", object([("allow", texts()), ("deny", texts())])),
    ])
}

fn auth() -> Shape {
    object([
        ("mode", choice(&["token", "password", "none", "trusted-proxy"])),
        ("token", text()),
        ("password", text()),
        ("allowTailscale", flag()),
        (
            "trustedProxy",
            object([
                ("userHeader", text()),
                ("requiredHeaders", texts()),
                ("allowUsers", texts()),
                ("allowLoopback", flag()),
                ("deviceAutoApprove", object([("enabled", flag()), ("scopes", texts())])),
            ])
            .open(),
        ),
        (
            "rateLimit",
            object([
                ("maxAttempts", int(1)),
                ("windowMs", int(1)),
                ("lockoutMs", int(1)),
                ("exemptLoopback", flag()),
            ]),
        ),
    ])
}

fn control_ui() -> Shape {
    object([
        ("enabled", flag()),
        ("basePath", text()),
        ("root", text()),
        ("allowedOrigins", texts()),
        ("allowInsecureAuth", flag()),
        ("dangerouslyDisableDeviceAuth", flag()),
    ])
}

fn remote() -> Shape {
    object([
        ("url", text()),
        ("transport", choice(&["ssh", "direct"])),
        ("token", text()),
        ("password", text()),
        ("tlsFingerprint", text()),
        ("sshTarget", text()),
        ("sshIdentity", text()),
    ])
}

fn responses() -> Shape {
    object([
        ("enabled", flag()),
        ("maxBodyBytes", int(1)),
        ("maxUrlParts", int(0)),
        (
            "files",
            object([
                ("allowUrl", flag()),
                ("urlAllowlist", texts()),
                ("allowedMimes", texts()),
                ("maxBytes", int(1)),
                ("maxChars", int(1)),
                ("maxRedirects", int(0)),
                ("timeoutMs", int(1)),
                (
                    "pdf",
                    object([("maxPages", int(1)), ("maxPixels", int(1)), ("minTextChars", int(0))]),
                ),
            ]),
        ),
        (
            "images",
            object([
                ("allowUrl", flag()),
                ("urlAllowlist", texts()),
                ("allowedMimes", texts()),
                ("maxBytes", int(1)),
                ("maxRedirects", int(0)),
                ("timeoutMs", int(1)),
            ]),
        ),
    ])
}
