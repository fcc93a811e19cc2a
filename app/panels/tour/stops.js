// The stops of the tour, in order; what they say is in texts.json under the same names.
//
//   anchor   selectors of real controls: the first that can be seen is put into the light
//   unfold   a folded panel that the anchor lies in
//   demo     what "Show me" does, by its name in demos.js

const STOPS = [
  { id: "welcome", anchor: [".mgs-stage"] },
  { id: "tokens", anchor: ["[data-do=grid]"], demo: "tokens" },
  { id: "hole", anchor: [".mgs-tools [data-tool=brush]"], demo: "hole" },
  { id: "class", anchor: ["#class"] },
  { id: "confidence", anchor: ["#reveal"], unfold: "#advanced", demo: "confidence" },
  { id: "cosine", anchor: ["#schedule"], unfold: "#advanced", demo: "cosine" },
  { id: "temperature", anchor: ["#temperature"], unfold: "#advanced", demo: "temperature" },
  { id: "passes", anchor: ["#steps"], unfold: "#advanced", demo: "passes" },
  { id: "race", anchor: ["#reveal"], unfold: "#advanced", demo: "race" },
  { id: "walk", anchor: [".mgs-timeline", "#fill"] },
  { id: "yours", anchor: ["#fill"] },
];
