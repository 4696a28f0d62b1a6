import { expect, test } from "vitest";
import { readsWholeTree } from "./flake-reads.ts";

test.each([
	"src = ./.;",
	"root = ../..;",
	'builtins.readFile (root + "/..")',
	"builtins.readDir ./modules",
	"import ./$" + "{name}.nix",
	"src = self;",
	'builtins.readFile "$' + '{self}/hook.sh"',
	'self + "/hook.sh"',
	"self.outPath",
	"specialArgs = { inherit self; };",
	"[ a self ]",
	"import ./shell.nix self",
	"mkFlake { inherit inputs; } { }",
	"inputs.self",
])("%s may read any file of the tree", (text) => expect(readsWholeTree(text)).toBe(true));

test.each([
	'{ inputs.nixpkgs.url = "github:NixOS/nixpkgs"; outputs = { self, nixpkgs }: { }; }',
	"outputs = { nixpkgs, self }: self.packages",
	"outputs = { self }: { }",
	"outputs = inputs@{ self, ... }: { }",
	"outputs = { self, ... }@inputs: inputs.nixpkgs",
	"overlay = self: super: { }",
	"[ (self: super: { }) ]",
	"buildInputs = [ pkgs.self-test ];",
	"builtins.readFile ./nix/hook.sh + import ../shell.nix",
	'shellHook = "export PATH=$' + "{a}/bin:$" + '{b}/bin";',
])("%s reads what it names", (text) => expect(readsWholeTree(text)).toBe(false));
