//! The media type of a file, by its name.

/// The type of a file that is none of the known ones: a browser offers to save it.
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// The `Content-Type` for a file's name. With `nosniff` a browser runs a script only as `text/javascript`.
pub(super) fn type_of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        // TypeScript has no type of its own, and `.ts` elsewhere is a video. No browser runs it; people read it.
        "ts" | "txt" | "md" | "glsl" | "vert" | "frag" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "mp3" => "audio/mpeg",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "glb" => "model/gltf-binary",
        "gltf" => "model/gltf+json",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_types_that_browsers_need() {
        for (path, media_type) in [
            ("index.html", "text/html; charset=utf-8"),
            ("room.css", "text/css; charset=utf-8"),
            ("room/canvas.js", "text/javascript; charset=utf-8"),
            ("patchcord.d.ts", "text/plain; charset=utf-8"),
            ("favicon.svg", "image/svg+xml"),
            ("LOUD.PNG", "image/png"),
            ("game.wasm", "application/wasm"),
            ("folder.js/file", UNKNOWN),
            ("README", UNKNOWN),
        ] {
            assert_eq!(type_of(path), media_type, "{path}");
        }
    }
}
